//! Wrong configurations: one clear error with a hint where waiting would not help, and
//! patience where it would.

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use loggr_bus::OpenErrorKind;
use loggr_bus::rabbit::{self, Bus, Encoding, RabbitOptions};
use loggr_flow::Sink;
use loggr_net::tls::Trust;

use super::setting::*;
use crate::support::{Broker, GUEST, PASSWORD, STRANGER, USER, Vhost};

/// The bus must not open: what it says, and what to do.
#[track_caller]
fn check(opened: Result<Bus, loggr_bus::OpenError>, expect: &str, hint: &str) {
    let error = opened.expect_err("it must not open");
    assert_eq!(error.kind(), OpenErrorKind::Config);
    assert!(error.to_string().contains(expect), "`{error}` does not say `{expect}`");
    assert!(error.hint().is_some_and(|h| h.contains(hint)), "`{:?}` does not say `{hint}`", error.hint());
}

async fn open_with(options: RabbitOptions) -> Result<Bus, loggr_bus::OpenError> {
    Bus::open(options, &topology(), &needs()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_that_the_broker_refuses() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let wrong = vhost.url().replace(PASSWORD, "wrong");
    check(open_with(options(&wrong)).await, "refuses the login of `loggr`", "`password_file`");
    let nowhere = vhost.url().replace(&vhost.name, "nowhere");
    check(
        open_with(options(&nowhere)).await,
        "has no virtual host `nowhere`",
        "rabbitmqctl add_vhost nowhere",
    );
    let locked_out = open_with(options(&vhost.url_of(STRANGER))).await;
    check(locked_out, "does not let `stranger` into the virtual host", "rabbitmqctl set_permissions");
}

/// Opens, and waits; what troubles it.
async fn waits(options: RabbitOptions) -> String {
    let bus = open_with(options).await.expect("it opens and waits");
    let mut publisher = bus.impatient_publisher(EXCHANGE, KEY, Encoding::Batch).expect("a publisher");
    loop {
        let error = refusal(&mut publisher, &["b"]).await.to_string();
        if !error.contains("not connected to the broker yet") {
            assert!(bus.state().trouble.is_some_and(|t| t.contains("hint") || t.contains('(')), "{error}");
            return error;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_that_are_missing_or_others() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let options = options(&vhost.url());
    let init = "loggr init rabbitmq";
    check(open_with(options.clone()).await, "the exchange `received` does not exist on the broker", init);
    let exchange = |kind| async {
        let (connection, channel) = stranger(&vhost).await;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = channel.exchange_declare(EXCHANGE.into(), kind, durable, FieldTable::default()).await;
        declared.expect("declared");
        drop(connection);
    };
    exchange(ExchangeKind::Fanout).await;
    let other = "the exchange `received` exists on the broker already with other properties: its `type` is \
         `fanout`, not `topic`";
    check(open_with(options.clone()).await, other, "durable topic exchange");
    let error = rabbit::declare(&options, &topology()).await.expect_err("it is another");
    assert!(error.to_string().contains(other), "{error}");
    let (_connection, channel) = stranger(&vhost).await;
    channel.exchange_delete(EXCHANGE.into(), Default::default()).await.expect("deleted");
    exchange(ExchangeKind::Topic).await;
    check(open_with(options.clone()).await, "the queue `q` does not exist on the broker", init);
    let other = "the queue `q` exists on the broker already with other properties: its `x-queue-type` is not set, \
         not `quorum`";
    queue(&vhost, &[]).await;
    check(open_with(options.clone()).await, other, "give this one another name with `queue`");
    let error = rabbit::declare(&options, &topology()).await.expect_err("it is another");
    assert!(error.to_string().contains(other), "{error}");
}

/// A queue as somebody else would declare it.
async fn queue(vhost: &Vhost<'_>, arguments: &[(&str, AMQPValue)]) {
    let (_connection, channel) = stranger(vhost).await;
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_delete(QUEUE.into(), Default::default()).await.expect("deleted");
    channel.queue_declare(QUEUE.into(), durable, table).await.expect("declared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_that_could_drop_events() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let options = declared(&vhost).await;
    let quorum = ("x-queue-type", AMQPValue::LongString("quorum".into()));
    let never = ("x-delivery-limit", AMQPValue::LongInt(i32::MAX));
    let limits = [
        ("x-max-length", AMQPValue::LongInt(5)),
        ("x-message-ttl", AMQPValue::LongInt(5000)),
        ("x-expires", AMQPValue::LongInt(5_000_000)),
        ("x-dead-letter-exchange", AMQPValue::LongString("dead".into())),
    ];
    for limit in limits {
        let name = limit.0;
        queue(&vhost, &[quorum.clone(), never.clone(), limit]).await;
        check(open_with(options.clone()).await, &format!("its `{name}` is `"), "could lose events");
    }
    queue(&vhost, std::slice::from_ref(&quorum)).await;
    check(open_with(options.clone()).await, "its `x-delivery-limit` is not set", "could lose events");
    queue(&vhost, &[quorum, never]).await;
    open_with(options).await.map(drop).expect("this one is as loggr needs it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declaring_is_safe_to_repeat_and_needs_no_rights_afterwards() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let options = options(&vhost.url());
    let made = |all: Vec<rabbit::Declared>| all.iter().filter(|d| d.made == Some(true)).count();
    assert_eq!(made(rabbit::declare(&options, &topology()).await.expect("declared")), 3);
    assert_eq!(made(rabbit::declare(&options, &topology()).await.expect("declared")), 0);
    let guest = super::setting::options(&vhost.url_of(GUEST));
    let bus = open_with(guest.clone()).await.expect("who may not declare may publish and consume");
    publish(&mut publisher(&bus), &["a"]).await;
    assert_eq!(take(&mut consumer(&bus), 1).await, ["a"]);
    let error = rabbit::declare(&guest, &topology()).await.expect_err("it may not");
    let text = error.chain();
    assert!(text.contains("the broker does not let us use the exchange `received`"), "{text}");
    assert!(error.advice().is_some_and(|h| h.contains("rabbitmqctl set_permissions")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_with_who_can_prove_its_name() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    declared(&vhost).await;
    let ca = Trust::of(Some(broker.ca().as_ref())).expect("its certificate");
    let with = |url: &str, trust: &Trust| {
        let tls = loggr_net::tls::client(trust, None).expect("authorities");
        RabbitOptions { tls: Some(tls), ..options(url) }
    };
    let bus = open_with(with(&vhost.tls_url(), &ca)).await.expect("it opens");
    publish(&mut publisher(&bus), &["secret"]).await;
    assert_eq!(take(&mut consumer(&bus), 1).await, ["secret"]);

    check(
        open_with(with(&vhost.tls_url(), &Trust::System)).await,
        "shows a certificate that is not accepted",
        "`tls_ca`",
    );
    let by_number = vhost.tls_url().replace("localhost", "127.0.0.1");
    check(
        open_with(with(&by_number, &ca)).await,
        "shows a certificate that is not accepted",
        "the host in `urls`",
    );
    let plain = vhost.url().replace("amqp://", "amqps://").replace("127.0.0.1", "localhost");
    check(open_with(with(&plain, &ca)).await, "does not speak TLS", "5671");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_is_waited_for() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let good = declared(&vhost).await;
    // The first address is nobody's: the second is taken.
    let two = RabbitOptions {
        brokers: [options("amqp://u:p@127.0.0.1:1/x").brokers, good.brokers].concat(),
        ..options(&vhost.url())
    };
    let bus = open_with(two).await.expect("it opens");
    publish(&mut publisher(&bus), &["a"]).await;
    // None at all: it opens, and says why nothing can be published.
    let error = waits(options("amqp://u:p@127.0.0.1:1/x")).await;
    assert!(error.contains("the broker `127.0.0.1:1` cannot be reached: Connection refused"), "{error}");
    // Where names come and go with what they name, a broker that is away has none.
    let error = waits(options("amqp://u:p@no.such.host.invalid:5672/x")).await;
    assert!(error.contains("the host of the broker `no.such.host.invalid:5672` is not known"), "{error}");
    // Where somebody refuses us and somebody else is away, the refusal is what to mend; the
    // other may be back soon.
    let refused = RabbitOptions {
        brokers: [
            options(&vhost.url().replace(USER, "nobody")).brokers,
            options("amqp://u:p@127.0.0.1:1/x").brokers,
        ]
        .concat(),
        ..options(&vhost.url())
    };
    let error = waits(refused).await;
    assert!(error.contains("refuses the login of `nobody`"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_without_room_takes_nothing_until_it_has_some() {
    let Some(broker) = Broker::own(&["vm_memory_high_watermark.absolute = 10MB"]) else { return };
    let vhost = broker.vhost();
    let bus = open(&vhost).await;
    let mut p = bus.impatient_publisher(EXCHANGE, KEY, Encoding::Batch).expect("a publisher");
    // A message or two make the broker say so.
    let error = loop {
        match p.store(&loggr_flow::contract::lines(&["a"])).await {
            Ok(receipt) => drop(receipt),
            Err(error) if error.to_string().contains("not connected") => {}
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("takes no messages for now"), "{error}");
    assert!(error.contains("rabbitmqctl list_alarms"), "{error}");
    let waiting = tokio::spawn({
        let mut p = publisher(&bus);
        async move {
            loop {
                match p.store(&loggr_flow::contract::lines(&["b"])).await {
                    Ok(receipt) => return drop(receipt),
                    Err(_) => continue,
                }
            }
        }
    });
    tokio::task::block_in_place(|| broker.control(&["set_vm_memory_high_watermark", "0.5"]));
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
        .await
        .expect("in time")
        .expect("stored");
    let mut consumer = consumer(&bus);
    while take(&mut consumer, 1).await.last().is_none_or(|text| text != "b") {}
}
