package waystation;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.retries.DefaultRetryStrategy;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/**
 * Kinesis through the AWS SDK for Java: CBOR in both directions, HTTP/2 without TLS, records pushed to a consumer.
 *
 * <p>WAYSTATION_ENDPOINT names the server. Prints one line per path and ends with 1 at the first that goes wrong.
 */
public final class Streams {
    private static final String SHARD = "shardId-000000000000";
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final KinesisAsyncClient client;

    private Streams(KinesisAsyncClient client) {
        this.client = client;
    }

    public static void main(String[] arguments) throws Exception {
        var credentials = AwsBasicCredentials.create("AKIAIOSFODNN7EXAMPLE", "secret");
        try (KinesisAsyncClient client = KinesisAsyncClient.builder()
                .endpointOverride(URI.create(System.getenv("WAYSTATION_ENDPOINT")))
                .region(Region.US_EAST_1)
                .credentialsProvider(StaticCredentialsProvider.create(credentials))
                .overrideConfiguration(each -> each.retryStrategy(DefaultRetryStrategy.doNotRetry()))
                .build()) {
            Streams walk = new Streams(client);
            walk.path("records keep their bytes and their times", walk::records);
            walk.path("a reader begins at a time", walk::time);
            walk.path("a missing stream has a class of its own", walk::missing);
            walk.path("records are pushed to a consumer while others are put", walk::pushed);
            walk.path("many requests go over one connection at once", walk::many);
        }
        System.exit(0);
    }

    private interface Path {
        void run() throws Exception;
    }

    private void path(String name, Path path) throws Exception {
        try {
            path.run();
        } catch (Exception | AssertionError problem) {
            System.out.println("failed " + name);
            problem.printStackTrace(System.out);
            System.exit(1);
        }
        System.out.println("ok " + name);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    private static <T> T get(CompletableFuture<T> answer) throws Exception {
        return answer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    private String stream(String name) throws Exception {
        get(client.createStream(each -> each.streamName(name).shardCount(1)));
        while (true) {
            var found = get(client.describeStreamSummary(each -> each.streamName(name))).streamDescriptionSummary();
            if (found.streamStatus() == StreamStatus.ACTIVE) {
                return found.streamARN();
            }
            Thread.sleep(50);
        }
    }

    private void put(String arn, byte[] data) throws Exception {
        get(client.putRecord(each -> each.streamARN(arn).partitionKey("k").data(SdkBytes.fromByteArray(data))));
    }

    private List<Record> read(String arn, ShardIteratorType type, Instant from) throws Exception {
        String iterator = get(client.getShardIterator(each -> each.streamARN(arn).shardId(SHARD).shardIteratorType(type).timestamp(from)))
                .shardIterator();
        return get(client.getRecords(each -> each.shardIterator(iterator))).records();
    }

    private void records() throws Exception {
        String arn = stream("java-records");
        byte[] every = new byte[256];
        IntStream.range(0, 256).forEach(value -> every[value] = (byte) value);
        Instant before = Instant.now().minusSeconds(5);
        put(arn, every);
        Record found = read(arn, ShardIteratorType.TRIM_HORIZON, null).get(0);
        check(java.util.Arrays.equals(found.data().asByteArray(), every), "every byte comes back");
        Instant arrival = found.approximateArrivalTimestamp();
        check(arrival.isAfter(before) && arrival.isBefore(Instant.now().plusSeconds(5)), "it arrived now, not " + arrival);
        check(found.sequenceNumber().matches("\\d{56}"), found.sequenceNumber());
    }

    private void time() throws Exception {
        String arn = stream("java-time");
        put(arn, new byte[] {1});
        Instant hourAgo = Instant.now().minus(Duration.ofHours(1));
        check(read(arn, ShardIteratorType.AT_TIMESTAMP, hourAgo).size() == 1, "an hour ago it was not there yet");
    }

    private void missing() throws Exception {
        try {
            get(client.describeStream(each -> each.streamName("java-missing")));
            throw new AssertionError("the stream is not there");
        } catch (ExecutionException problem) {
            check(problem.getCause() instanceof ResourceNotFoundException, "not " + problem.getCause());
            String text = ((ResourceNotFoundException) problem.getCause()).awsErrorDetails().errorMessage();
            check(text.equals("Stream java-missing under account 000000000000 not found."), text);
        }
    }

    private void pushed() throws Exception {
        String arn = stream("java-pushed");
        String consumer = get(client.registerStreamConsumer(each -> each.streamARN(arn).consumerName("java"))).consumer().consumerARN();
        while (get(client.describeStreamConsumer(each -> each.consumerARN(consumer))).consumerDescription().consumerStatus()
                != ConsumerStatus.ACTIVE) {
            Thread.sleep(50);
        }
        BlockingQueue<Record> found = new LinkedBlockingQueue<>();
        SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder()
                .subscriber(SubscribeToShardResponseHandler.Visitor.builder()
                        .onSubscribeToShardEvent(event -> found.addAll(event.records()))
                        .build())
                .build();
        CompletableFuture<Void> subscription = client.subscribeToShard(
                each -> each.consumerARN(consumer)
                        .shardId(SHARD)
                        .startingPosition(where -> where.type(ShardIteratorType.TRIM_HORIZON)),
                handler);
        for (byte number = 0; number < 20; number++) {
            put(arn, new byte[] {number});
            Record record = found.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            check(record != null && record.data().asByteArray()[0] == number, "record " + number + " is pushed");
            check(!subscription.isDone(), "the subscription goes on");
        }
        subscription.cancel(true);
    }

    private void many() throws Exception {
        String arn = stream("java-many");
        List<CompletableFuture<?>> answers = IntStream.range(0, 200)
                .<CompletableFuture<?>>mapToObj(number -> client.putRecords(each -> each.streamARN(arn)
                        .records(PutRecordsRequestEntry.builder()
                                .partitionKey("k" + number)
                                .data(SdkBytes.fromByteArray(new byte[1024]))
                                .build())))
                .toList();
        for (CompletableFuture<?> answer : answers) {
            get(answer);
        }
        int count = read(arn, ShardIteratorType.TRIM_HORIZON, null).size();
        check(count == 200, count + " records");
    }
}
