"""The limit of every wait, queue and size.

They are passed down from where the program starts, so that a test can set one:
docs/adr/0009-limits-are-handed-down.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limit of every wait, queue and size, with its unit in its name."""

    #: Largest request body a shop may send.
    request_bytes_max: int = 1024 * 1024
    #: The longest head of a request: its line and its headers. A `redirectResult` may have 20,000
    #: characters, each of which may take three in an address.
    request_head_bytes_max: int = 64 * 1024
    #: How long a client may take for the head of a request ...
    request_head_s: float = 15.0
    #: ... for the body that follows it, ...
    request_body_s: float = 30.0
    #: ... and to continue to read an answer that it stopped reading.
    response_read_s: float = 30.0
    #: Connections that one process serves at once: fewer than the 1,024 files that most systems
    #: let a process open, with those to Adyen and to PostgreSQL.
    connections_max: int = 768
    #: More of them, for health probes and Adyen's notifications only.
    connections_spare: int = 32
    #: Connections of one address. Thousands of phones may share one.
    connections_per_address_max: int = 256
    #: How long a closing connection is still read, so that the client gets its last answer.
    linger_s: float = 2.0
    #: How much of a body is read after its answer, and for how long, so that the sender gets that.
    drained_bytes_max: int = 32 * 1024 * 1024
    drained_s: float = 10.0
    #: How long a shutdown waits for open requests and jobs: longer than a call to Adyen can take.
    stop_s: float = 40.0
    #: How long a shop's key is accepted without checking whether it was withdrawn.
    api_key_remembered_s: float = 10.0
    #: Largest notification body Adyen may send.
    webhook_bytes_max: int = 512 * 1024
    #: How long one call to Adyen may take in all.
    adyen_timeout_s: float = 25.0
    #: How long reading Adyen's list of tokens may take before a charge: together with the charge
    #: less than `call_lease_s` and `stop_s`.
    token_check_s: float = 8.0
    #: How long connecting to Adyen may take.
    adyen_connect_timeout_s: float = 5.0
    #: The longest answer of Adyen's that is accepted.
    adyen_answer_bytes_max: int = 10 * 1024 * 1024
    #: Connections held open to Adyen by one process.
    adyen_connections_max: int = 128
    #: After this long an unanswered call counts as lost, and may be asked again (same key).
    call_lease_s: float = 40.0
    #: How long a repeated details call waits for the first one's answer.
    details_wait_s: float = 45.0
    #: How often a question is tried while Adyen answers with transient errors, and for how long.
    adyen_tries_max: int = 3
    adyen_tries_s: float = 5.0
    #: Without an answer it is asked again after this, then after twice that, and so on ...
    ask_again_first_s: float = 2.0
    #: ... up to this,
    ask_again_longest_s: float = 3600.0
    #: ... for as long as Adyen remembers an idempotency key (at least seven days).
    ask_again_for_s: float = 7 * 24 * 3600.0
    #: An unfinished attempt is closed after this, unless the shop gives a time.
    attempt_lifetime_s: float = 3600.0
    #: The longest that the wallet may pay it, unless the shop gives a time (a guess).
    offer_lifetime_max_s: float = 24 * 3600.0
    #: How far Kasir's clock and Adyen's may differ.
    clock_margin_s: float = 120.0
    #: Where they differ by more, or Kasir's and the database's do, nothing is closed or charged.
    clock_apart_max_s: float = 60.0
    #: The longest wait between two looks for Adyen's result of an unfinished attempt.
    close_again_longest_s: float = 24 * 3600.0
    #: How long a failure is held back from the shop, since a success may follow.
    settle_after_s: float = 600.0
    #: A notification that comes longer than this after its event is late, and more may follow.
    late_after_s: float = 600.0
    #: How far Adyen's queue may be behind after an outage: its longest wait between two tries.
    behind_max_s: float = 8 * 3600.0
    #: The waits between two comparisons of a shopper's tokens with Adyen's list; the last repeats.
    token_look_gaps_s: tuple[float, ...] = (3600.0, 86_400.0, 30 * 86_400.0)
    #: How often a worker looks for due work, and how many of each kind it takes at once.
    look_every_s: float = 0.5
    due_batch_max: int = 100
    #: Work that was taken and not finished is due again after this.
    due_again_s: float = 900.0
    #: Renewals per second, over all workers: Adyen is called no faster for them.
    renewals_per_s_max: float = 200.0
    #: How long a sign-up may stay unpaid.
    sign_up_lifetime_s: float = 24 * 3600.0
    #: How long a charge whose outcome is unknown may delay the next period.
    unresolved_for_s: float = 7 * 24 * 3600.0
    #: The highest number that a metric counts to.
    figures_max: int = 10_000
    #: Events in one answer to a shop that fetches them.
    events_listed_max: int = 100
    #: The wait before each try to deliver an event: three days in all.
    event_gaps_s: tuple[float, ...] = (0, 5, 60, 300, 1800, 7200, 18000, 36000, 36000, 50400, 86400)
    #: How long a shop may take to answer an event.
    event_timeout_s: float = 15.0
    #: Events that are being delivered at once, over all workers.
    event_deliveries_max: int = 50
    #: Notifications that share one commit.
    inbox_batch_max: int = 500
    #: Notices that are read in one transaction, and their bytes in all; the first one may be as
    #: long as a notification can be.
    reading_batch_max: int = 200
    reading_bytes_max: int = 4 * 1024 * 1024
    #: How often a worker tries a notice that takes too long, before it is set aside.
    slow_reads_max: int = 10
    #: Readers in one worker: one computes while another waits for the database.
    readers_max: int = 4
    #: Jobs that one worker holds at once, most of them waiting for Adyen or the shop.
    jobs_held_max: int = 200
    #: How often a worker cleans up, how many rows one statement deletes, and the pause after each.
    clean_every_s: float = 600.0
    clean_batch_max: int = 1000
    clean_pause_s: float = 0.05
    #: How often a failed job is run again before it waits for an operator, ...
    job_retries_max: int = 3
    #: ... this long after it failed.
    job_retry_after_s: float = 600.0
    #: Connections to PostgreSQL held by one process.
    database_connections_max: int = 16
    #: How long connecting to PostgreSQL may take, for all servers in its address together.
    database_connect_s: float = 4.0
    #: How long waiting for a connection of the pool may take, connecting included.
    database_acquire_s: float = 5.0
    #: PostgreSQL cancels a statement after this.
    database_statement_s: float = 8.0
    #: Without even that error by then, the connection counts as lost.
    database_silence_s: float = 10.0
    #: A migration may rewrite tables, and waits for other processes that migrate.
    database_schema_s: float = 3600.0
    #: PostgreSQL ends a transaction that was idle for this long.
    database_transaction_idle_s: float = 20.0
    #: How often the operating system checks an idle connection (TCP keepalive).
    database_probe_s: float = 10.0
    #: A connection that was not used for this long is closed.
    database_idle_s: float = 300.0
    #: How long a shutdown waits for connections that are in use.
    database_close_s: float = 5.0
    #: How long the readiness check waits for the database; its callers wait for a second.
    ready_answer_s: float = 0.8
    #: How long a payment link is valid unless the shop gives a time (Adyen's default is one day).
    link_lifetime_s: int = 24 * 3600
    #: The longest that a shop may make a payment link valid (Adyen: 70 days).
    link_lifetime_max_s: int = 70 * 24 * 3600
    #: How long the payment form waits for the list of methods before it shows an error.
    form_wait_s: float = 8.0
    #: How long the return page follows a payment over one connection, ...
    follow_s: float = 120.0
    #: ... and how often one query looks for changes, for all pages that do.
    follow_look_s: float = 1.0
    #: Such connections at once, in one process, ...
    streams_max: int = 256
    #: ... at one link, ...
    streams_per_link_max: int = 16
    #: ... and from one address; a page beyond them polls instead, ...
    streams_per_address_max: int = 64
    #: ... this often.
    follow_again_s: float = 5.0
    #: Returns to one payment with results that Adyen does not know, before Adyen is not asked any
    #: more and the notification is awaited; ...
    returns_unknown_max: int = 10
    #: ... from one address; ...
    returns_unknown_per_address_max: int = 100
    #: ... within this time.
    returns_unknown_s: float = 600.0
    #: Views of one link's form for which Adyen is asked for its methods, ...
    offers_per_link_max: int = 60
    #: ... and from one address, whatever link; after that the wallet counts as offered.
    offers_per_address_max: int = 240
    #: Forms that may be posted to one link ...
    forms_per_link_max: int = 120
    #: ... and from one address, whatever link, ...
    forms_per_address_max: int = 240
    #: ... both, and those views, within this time.
    visits_s: float = 60.0
    #: Posts of one link's form that wait at once for the answer to another one.
    forms_waiting_max: int = 8
