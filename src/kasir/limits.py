"""The limit of every wait, queue and size.

The limits are passed down as an argument, so that a test can set one of them
(docs/adr/0009-limits-are-handed-down.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limit of every wait, queue and size, with its unit in its name."""

    #: Largest request body a shop may send.
    request_bytes_max: int = 1024 * 1024
    #: The longest head of a request (request line and headers). A `redirectResult` may have 20,000
    #: characters, and an address may need three bytes for each.
    request_head_bytes_max: int = 64 * 1024
    #: How long a client may take to send the head of a request.
    request_head_s: float = 15.0
    #: How long a client may take to send the body of a request.
    request_body_s: float = 30.0
    #: How long a client may pause while it reads an answer.
    response_read_s: float = 30.0
    #: Connections that one process serves at once. Most systems let a process open 1,024 files;
    #: this leaves enough of them for connections to Adyen and to PostgreSQL.
    connections_max: int = 768
    #: Additional connections, for health probes and Adyen's notifications only.
    connections_spare: int = 32
    #: Connections from one address. Thousands of phones may share one address.
    connections_per_address_max: int = 256
    #: How long a closing connection is still read, so that the client gets its last answer.
    linger_s: float = 2.0
    #: If Kasir answers before a body has arrived: how many bytes of it are still read, and for how
    #: long, so that the sender gets the answer.
    drained_bytes_max: int = 32 * 1024 * 1024
    drained_s: float = 10.0
    #: How long a shutdown waits for open requests and jobs: longer than a call to Adyen can take.
    stop_s: float = 40.0
    #: How long a shop's key is accepted without checking whether it was withdrawn.
    api_key_remembered_s: float = 10.0
    #: Largest notification body Adyen may send.
    webhook_bytes_max: int = 512 * 1024
    #: How long one call to Adyen may take in total.
    adyen_timeout_s: float = 25.0
    #: How long reading Adyen's list of tokens before a charge may take. This and `adyen_timeout_s`
    #: together are less than `call_lease_s` and less than `stop_s`.
    token_check_s: float = 8.0
    #: How long connecting to Adyen may take.
    adyen_connect_timeout_s: float = 5.0
    #: The longest answer that is accepted from Adyen.
    adyen_answer_bytes_max: int = 10 * 1024 * 1024
    #: How long `kasir setup` waits until a test notification that Adyen delivered is stored.
    setup_test_s: float = 10.0
    setup_test_poll_s: float = 0.2
    #: The wait before a test notification that was refused is sent again: longer than the shortest
    #: wait of a server between two reads of its keys.
    setup_test_again_s: float = 1.5
    #: The most connections to Adyen that one process holds open.
    adyen_connections_max: int = 128
    #: How long fetching a report may take, and the largest report that is fetched.
    report_timeout_s: float = 1800.0
    report_bytes_max: int = 2 * 1024**3
    #: The waits after failed tries to fetch a report; the last one is repeated.
    report_gaps_s: tuple[float, ...] = (60, 300, 900, 3600, 7200, 14_400, 28_800)
    #: Rows of a report that are compared in one transaction.
    report_rows_max: int = 1000
    #: A captured payment that no report has after this time is a case (a guess).
    settled_within_s: float = 14 * 86_400.0
    #: How often payments that no report has are looked for, and how many one statement looks at.
    unsettled_every_s: float = 86_400.0
    unsettled_batch_max: int = 5000
    #: An unanswered call counts as lost after this time, and may be sent again (same key).
    call_lease_s: float = 40.0
    #: How long a repeated call to `/payments/details` waits for the answer to the first call.
    details_wait_s: float = 45.0
    #: While Adyen answers with transient errors: the most tries of a call, and for how long.
    adyen_tries_max: int = 3
    adyen_tries_s: float = 5.0
    #: The first wait before an unanswered call is sent again; each further wait is twice as long.
    ask_again_first_s: float = 2.0
    #: The longest of these waits.
    ask_again_longest_s: float = 3600.0
    #: For how long an unanswered call is sent again. Adyen remembers an idempotency key for at
    #: least seven days.
    ask_again_for_s: float = 7 * 24 * 3600.0
    #: An unfinished attempt is closed after this, unless the shop gives a time.
    attempt_lifetime_s: float = 3600.0
    #: How long the wallet may pay an attempt, unless the shop gives a time (a guess).
    offer_lifetime_max_s: float = 24 * 3600.0
    #: How far Kasir's clock and Adyen's may differ.
    clock_margin_s: float = 120.0
    #: If Kasir's clock differs by more than this from Adyen's or the database's, nothing is closed
    #: or charged.
    clock_apart_max_s: float = 60.0
    #: The longest wait between two queries for Adyen's result of an unfinished attempt.
    close_again_longest_s: float = 24 * 3600.0
    #: How long a failure is not reported to the shop, because a success may follow.
    settle_after_s: float = 600.0
    #: A notification that arrives this long after its event is late, so more may be missing.
    late_after_s: float = 600.0
    #: How late Adyen's queue may be after an outage: Adyen's longest wait between two tries.
    behind_max_s: float = 8 * 3600.0
    #: The waits before a shopper's tokens are compared with Adyen's list: after a payment, after
    #: the first comparison, and after each further comparison.
    token_check_gaps_s: tuple[float, ...] = (3600.0, 86_400.0, 30 * 86_400.0)
    #: The wait between two queries for due work, and how much of each kind a query returns.
    poll_every_s: float = 0.5
    due_batch_max: int = 100
    #: Work that was enqueued and is not finished is due again after this time.
    due_again_s: float = 900.0
    #: The most renewals that all workers together send to Adyen per second.
    renewals_per_s_max: float = 200.0
    #: How long a sign-up may stay unpaid.
    sign_up_lifetime_s: float = 24 * 3600.0
    #: How long a charge whose outcome is unknown may delay a subscription's next period.
    unresolved_for_s: float = 7 * 24 * 3600.0
    #: The highest number that a metric counts to.
    counts_max: int = 10_000
    #: The disputed payments, newest first, whose disputes are counted for the overview of a day.
    disputes_counted_max: int = 500
    #: Events in one answer to a shop that fetches them.
    events_listed_max: int = 100
    #: The wait before each try to deliver an event; three days in total.
    event_gaps_s: tuple[float, ...] = (0, 5, 60, 300, 1800, 7200, 18000, 36000, 36000, 50400, 86400)
    #: How long a shop may take to answer an event.
    event_timeout_s: float = 15.0
    #: Events that all workers together deliver at once.
    event_deliveries_max: int = 50
    #: Deliveries to one address that one call makes due again.
    resent_max: int = 10_000
    #: The waits after failed tries to relay a notification; the last one is repeated. Source:
    #: Adyen's own schedule (docs/adyen.md).
    relay_gaps_s: tuple[float, ...] = (
        *(9, 9, 9),
        *(120, 300, 600, 900, 1800),
        *(3600, 7200, 14_400, 28_800),
    )
    #: How long a running job has the relay's queue without a sign of life: longer than
    #: `event_timeout_s`.
    relay_lease_s: float = 30.0
    #: The most notifications that one job relays.
    relay_run_max: int = 200
    #: Notifications that share one commit.
    inbox_batch_max: int = 500
    #: Notices that are read in one transaction, and their bytes in total. The first notice is read
    #: even if it is longer.
    reading_batch_max: int = 200
    reading_bytes_max: int = 4 * 1024 * 1024
    #: How often a worker tries a notice that takes too long, before the notice is held.
    slow_reads_max: int = 10
    #: Readers in one worker: one computes while another waits for the database.
    readers_max: int = 4
    #: Jobs that one worker holds at once, most of them waiting for Adyen or the shop.
    jobs_held_max: int = 200
    #: The wait between two cleanups, how many rows one statement deletes, and the pause after each
    #: statement.
    clean_every_s: float = 600.0
    clean_batch_max: int = 1000
    clean_pause_s: float = 0.05
    #: How often a failed job is run again before it waits for an operator.
    job_retries_max: int = 3
    #: The wait before a failed job is run again.
    job_retry_after_s: float = 600.0
    #: Connections to PostgreSQL held by one process.
    database_connections_max: int = 16
    #: The most of them that one account of the database uses at a time.
    account_connections_max: int = 6
    #: The wait between two reads of changes of the accounts of the database.
    accounts_read_every_s: float = 5.0
    #: How long a worker keeps looking for an account's due work, often, after its last work.
    account_awake_s: float = 15.0
    #: The shortest and the longest wait between two looks for the work of an account without any.
    account_look_first_s: float = 1.0
    account_look_longest_s: float = 15.0
    #: The wait between two queries for due work of an account of the database that is awake.
    account_poll_every_s: float = 1.0
    #: Events of one account of the database that all workers together deliver at once.
    account_deliveries_max: int = 20
    #: Jobs of one account of the database that one worker holds at once.
    account_jobs_held_max: int = 40
    #: How long the metrics of one account of the database may take; longer ones are left out.
    account_figures_s: float = 2.0
    #: For how long one answer with metrics reads figures of accounts of the database.
    accounts_figures_s: float = 3.0
    #: How long connecting to PostgreSQL may take, for all servers of the address together.
    database_connect_s: float = 4.0
    #: How long the wait for a connection of the pool may take, including a new connection.
    database_acquire_s: float = 5.0
    #: PostgreSQL cancels a statement after this.
    database_statement_s: float = 8.0
    #: A connection counts as lost if PostgreSQL sends nothing for this long. It is longer than
    #: `database_statement_s`, so the error of a cancelled statement still arrives.
    database_silence_s: float = 10.0
    #: How long a migration may take. It may rewrite tables, and waits for other migrations.
    database_schema_s: float = 3600.0
    #: PostgreSQL ends a transaction that was idle for this long.
    database_transaction_idle_s: float = 20.0
    #: How often the operating system checks an idle connection (TCP keepalive).
    database_probe_s: float = 10.0
    #: A connection that was not used for this long is closed.
    database_idle_s: float = 300.0
    #: How long a shutdown waits for connections that are in use.
    database_close_s: float = 5.0
    #: How long the readiness check waits for the database. Its callers wait for one second.
    ready_answer_s: float = 0.8
    #: How long a payment link is valid unless the shop gives a time (Adyen's default is one day).
    link_lifetime_s: int = 24 * 3600
    #: The longest that a shop may make a payment link valid (Adyen: 70 days).
    link_lifetime_max_s: int = 70 * 24 * 3600
    #: How long the payment form waits for the list of methods before it shows an error.
    form_wait_s: float = 8.0
    #: How long the return page follows a payment over one connection (a stream).
    follow_s: float = 120.0
    #: The wait between two queries for changes; one query serves all pages that follow a payment.
    follow_poll_s: float = 1.0
    #: Streams at once in one process. Beyond this limit or the next two, a page polls instead.
    streams_max: int = 256
    #: Streams at once for one link.
    streams_per_link_max: int = 16
    #: Streams at once from one address.
    streams_per_address_max: int = 64
    #: The wait between two polls of a page without a stream.
    follow_again_s: float = 5.0
    #: Visits of one payment's return page, within `returns_unknown_s`, with a redirectResult that
    #: Adyen does not know. Beyond this limit or the next limit, Adyen is not asked, and the page
    #: waits for the notification.
    returns_unknown_max: int = 10
    #: Such visits from one address, within `returns_unknown_s`.
    returns_unknown_per_address_max: int = 100
    #: The period of the two limits above.
    returns_unknown_s: float = 600.0
    #: Views of one link's form, within `visits_s`, for which Adyen is asked for its methods. Beyond
    #: this limit or the next limit, the form shows the wallet without asking Adyen.
    offers_per_link_max: int = 60
    #: Such views from one address, of any link, within `visits_s`.
    offers_per_address_max: int = 240
    #: Forms that may be posted to one link within `visits_s`.
    forms_per_link_max: int = 120
    #: Forms that may be posted from one address, to any link, within `visits_s`.
    forms_per_address_max: int = 240
    #: The period of the four limits above.
    visits_s: float = 60.0
    #: The most posts of one link's form that wait together for the answer to an earlier post.
    forms_waiting_max: int = 8
    #: How long a session of the desk may be unused, and how long it may last in total.
    desk_session_idle_s: float = 3600.0
    desk_session_s: float = 12 * 3600.0
    #: How many wrong passwords need no wait after them: of one name, and from one address. Many
    #: people may share one address.
    desk_guesses_max: int = 5
    desk_guesses_per_address_max: int = 20
    #: The longest wait after a wrong password, and after how long without one the count begins
    #: again.
    desk_guess_wait_s: float = 900.0
    desk_guesses_s: float = 24 * 3600.0
    #: Passwords that one process hashes at once; each takes 64 MB.
    desk_hashes_max: int = 2
    #: The rows of a page of the desk.
    desk_rows_max: int = 50
