"""The desk: the pages of the people who run Kasir, below `/desk`.

Read it in this order:

- `routes`: all pages and acts. `people` is an example of a page with acts; `login` signs in.
- `pages`: what a page is given (`Visit`). `acts`: what an act is given (`Asked`).
- `access`: every request passes it: session, role, origin, CSRF token, account.
- `navigation`, `texts` with `texts_*`, `templates/macros.html`, `static/desk.css`: shared by pages.
- `services`, `cookies`, `security_headers`, `error_pages`: parts of the above.

To add a page: write a module with

    SECTION = add_section("payments", "/desk/payments")     # Its key is in `navigation._ORDER`.

    @page("/desk/payments", role=Role.VIEW)
    async def get_payments(visit: OurVisit) -> Page:
        visit.check_query("status", "after")                # Refuses unknown parameters.
        rows = await payments.listed(visit.parts.pool, ...)  # The parts of the chosen account.
        return visit.page("payments.html", rows=rows)

    ROUTES = [get_payments]

Add the module to `routes.GUARDED`, its texts as a module `texts_payments` to `texts.MODULES`, and a
template that begins as `people.html` does: `{% extends "base.html" %}` and
`{% import "macros.html" as ui with context %}`, then `ui.table`, `ui.pager`, `ui.filters`,
`ui.field`, `ui.select`, `ui.badge`, `ui.facts`. Links are `visit.url("/desk/payments/x", after=y)`
and `visit.url_with(after=y)`. Amounts are `{{ amount | money }}`, times `visit.date_time(at)`.

To add an act: a handler with `@act(name, path, role)` in the same module (`acts` shows one), its
form with `ui.act_form(name, path)`, the texts `act_NAME` and `done_MESSAGE`. The act runs within
`async with asked.recorded(subject, before) as record`, which writes one row of the audit log before
the act, and its outcome and `record.after` after it. Where money moves, return
`asked.second_look(sentence, facts)` first, and act if `asked.is_confirmed`. An `InvalidRequest`,
`NotFound` or `RefusedByAdyen` that the handler raises is shown to the person.

Tests walk all routes: no page without a session, no act without role and CSRF token, one row for
each act. Each act needs an example of its form in a module `tests/desk_examples_*.py`.

The desk decides nothing about money: it calls the same use cases as the API. Only `web.app` imports
this package.
"""
