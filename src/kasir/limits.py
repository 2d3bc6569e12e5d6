"""Where every wait, queue and size in the house ends.

They are handed down from where the program starts, so that a test may set one:
docs/adr/0009-limits-are-handed-down.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Every wait, queue and size in the house ends; these are the ends, units in their names."""

    #: Largest request body a shop may send.
    request_bytes_max: int = 1024 * 1024
    #: The longest head of a request: its line and its headers. A `redirectResult` may have 20,000
    #: letters, each of which may be three in an address.
    request_head_bytes_max: int = 64 * 1024
    #: How long a client may take for the head of a request ...
    request_head_s: float = 15.0
    #: ... for the body that follows it, ...
    request_body_s: float = 30.0
    #: ... and to read on in an answer that it stopped reading.
    response_read_s: float = 30.0
    #: Connections that one process serves at once: fewer than the 1,024 files that most systems
    #: let a process open, with those to Adyen and to PostgreSQL.
    connections_max: int = 768
    #: Beyond them, for probes of its health and for Adyen's notifications.
    connections_spare: int = 32
    #: Connections of one address. Many a shopper's phone shares its address with thousands.
    connections_per_address_max: int = 256
    #: How long a connection that is ending is still read, so that the client gets its last answer.
    linger_s: float = 2.0
    #: How much of a body is read, for how long, after its answer: so that the sender hears it.
    drained_bytes_max: int = 32 * 1024 * 1024
    drained_s: float = 10.0
    #: How long a stop waits for what is in hand: longer than a call to Adyen can take.
    stop_s: float = 40.0
    #: How long a shop's key is let in without looking whether it was withdrawn.
    api_key_remembered_s: float = 10.0
    #: Largest notification body Adyen may send.
    webhook_bytes_max: int = 512 * 1024
    #: How long one call to Adyen may take in all.
    adyen_timeout_s: float = 25.0
    #: How long a look at Adyen's list of tokens may take before a charge: with the charge itself
    #: it is less than `call_lease_s` and `stop_s`.
    token_check_s: float = 8.0
    #: How long reaching Adyen may take.
    adyen_connect_timeout_s: float = 5.0
    #: The longest answer of Adyen's that is read to its end.
    adyen_answer_bytes_max: int = 10 * 1024 * 1024
    #: Connections held open to Adyen by one process.
    adyen_connections_max: int = 128
    #: After this long an unanswered call counts as lost, and may be asked again (same key).
    call_lease_s: float = 40.0
    #: How long a repeated details call waits for the first one's answer.
    details_wait_s: float = 45.0
    #: How often one asking tries while Adyen says "not now", and how long.
    adyen_tries_max: int = 3
    adyen_tries_s: float = 5.0
    #: After a silence it is asked again this much later, then twice that, and so on ...
    ask_again_first_s: float = 2.0
    #: ... up to this,
    ask_again_longest_s: float = 3600.0
    #: ... for as long as Adyen remembers an idempotency key (at least seven days).
    ask_again_for_s: float = 7 * 24 * 3600.0
    #: An attempt that nobody finished is closed after this long, if the shop does not say.
    attempt_lifetime_s: float = 3600.0
    #: It may be paid by the wallet for this long at most, where the shop did not say (a guess).
    offer_lifetime_max_s: float = 24 * 3600.0
    #: How far our clock and Adyen's may be apart.
    clock_margin_s: float = 120.0
    #: Our clock further than this from the database's or Adyen's: nothing is closed or charged.
    clock_apart_max_s: float = 60.0
    #: Whoever waits for Adyen's word of an attempt looks again more and more rarely, up to this.
    close_again_longest_s: float = 24 * 3600.0
    #: How long bad news is held back from the shop.
    settle_after_s: float = 600.0
    #: What Adyen delivers longer than this after it happened is late, and more may be on its way.
    late_after_s: float = 600.0
    #: How far Adyen's queue may be behind once Kasir is back: the longest wait between its tries.
    behind_max_s: float = 8 * 3600.0
    #: When a shopper's tokens are held against Adyen's list: this long after each other, the last
    #: one again and again.
    token_look_gaps_s: tuple[float, ...] = (3600.0, 86_400.0, 30 * 86_400.0)
    #: How often a worker looks for what is due, and how much it takes at once.
    look_every_s: float = 0.5
    due_batch_max: int = 100
    #: What was taken up and not finished comes up again after this long.
    due_again_s: float = 900.0
    #: Subscriptions that go on in a second, over all workers: Adyen is called no faster for them.
    renewals_per_s_max: float = 200.0
    #: How long a sign-up may stay unpaid.
    sign_up_lifetime_s: float = 24 * 3600.0
    #: How long a charge whose outcome is unknown may keep the next period waiting.
    unresolved_for_s: float = 7 * 24 * 3600.0
    #: How far each of the metrics' figures is counted.
    figures_max: int = 10_000
    #: Events given at once to a shop that fetches them.
    events_listed_max: int = 100
    #: Waits before each try to deliver an event: growing, for three days in all.
    event_gaps_s: tuple[float, ...] = (0, 5, 60, 300, 1800, 7200, 18000, 36000, 36000, 50400, 86400)
    #: How long a shop may take to answer an event.
    event_timeout_s: float = 15.0
    #: Events that are on their way to the shop at once, over all workers.
    event_deliveries_max: int = 50
    #: Notifications that share one commit.
    inbox_batch_max: int = 500
    #: Notices that are read in one transaction, and how much they may weigh: the first of them may
    #: be as long as a notification can be.
    reading_batch_max: int = 200
    reading_bytes_max: int = 4 * 1024 * 1024
    #: How often one worker tries a notice that takes the database too long, until it is held.
    slow_reads_max: int = 10
    #: Readers at work at once in one worker: one waits for the database while another thinks.
    readers_max: int = 4
    #: Jobs that one worker holds at once, most of them waiting for Adyen or the shop.
    jobs_held_max: int = 200
    #: How often a worker cleans up, how many rows a statement of it touches, and how long it leaves
    #: the database to others after each.
    clean_every_s: float = 600.0
    clean_batch_max: int = 1000
    clean_pause_s: float = 0.05
    #: How often a failed job is run again by itself before it waits for a person, ...
    job_retries_max: int = 3
    #: ... so long after it failed.
    job_retry_after_s: float = 600.0
    #: Connections to PostgreSQL held by one process.
    database_connections_max: int = 16
    #: How long connecting to PostgreSQL may take, over all servers that its address names.
    database_connect_s: float = 4.0
    #: How long one may wait for a connection of the pool, the connecting included.
    database_acquire_s: float = 5.0
    #: PostgreSQL ends a statement of ours after this long, and says so.
    database_statement_s: float = 8.0
    #: Where not even that was heard by now, the way to it is dead.
    database_silence_s: float = 10.0
    #: A change of the schema rewrites what there is, and waits for others who change it.
    database_schema_s: float = 3600.0
    #: PostgreSQL ends a transaction of ours in which nothing was said for this long.
    database_transaction_idle_s: float = 20.0
    #: The system looks this often whether the other end of a silent connection is there.
    database_probe_s: float = 10.0
    #: A connection that nobody used for this long is closed.
    database_idle_s: float = 300.0
    #: How long a stop waits for connections that are in use.
    database_close_s: float = 5.0
    #: How long the readiness check waits for the database: whoever asks waits a second.
    ready_answer_s: float = 0.8
    #: How long a payment link lives if the shop does not say (Adyen's own default is one day).
    link_lifetime_s: int = 24 * 3600
    #: The longest life a shop may give a payment link (Adyen: 70 days).
    link_lifetime_max_s: int = 70 * 24 * 3600
    #: How long the payment form waits for the list of methods before it says so.
    form_wait_s: float = 8.0
    #: How long the return page follows a payment over one connection, ...
    follow_s: float = 120.0
    #: ... and how often all pages that do are looked after, in one look.
    follow_look_s: float = 1.0
    #: Pages that follow so at once, in one process, ...
    streams_max: int = 256
    #: ... at one link, ...
    streams_per_link_max: int = 16
    #: ... and from one address; what is more looks again and again instead, ...
    streams_per_address_max: int = 64
    #: ... so long after each other.
    follow_again_s: float = 5.0
    #: Returns to one payment with results that Adyen knows nothing of, until it is asked no more
    #: and the notification is waited for; ...
    returns_unknown_max: int = 10
    #: ... from one address; ...
    returns_unknown_per_address_max: int = 100
    #: ... within this time.
    returns_unknown_s: float = 600.0
    #: Looks at the form of one link for which Adyen is asked what it offers, ...
    offers_per_link_max: int = 60
    #: ... and from one address, whatever link; after that the wallet counts as offered.
    offers_per_address_max: int = 240
    #: Forms that may be posted to one link ...
    forms_per_link_max: int = 120
    #: ... and from one address, whatever link, ...
    forms_per_address_max: int = 240
    #: ... both, and those looks, within this time.
    visits_s: float = 60.0
    #: Forms of one link that wait at once for an answer which another one asked for.
    forms_waiting_max: int = 8
