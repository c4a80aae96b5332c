package waystation;

import java.util.List;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;

/**
 * Writes as fast as KCL reads: in every round one record of each partition key, numbered by the round, until all were acknowledged. A
 * put whose answer was lost is repeated, so a record may be there twice, but none is missing and none is out of order.
 */
final class Writer {
    /** Enough that every shard gets some. */
    static final List<String> KEYS = IntStream.range(0, 24).mapToObj(number -> "key-" + number).toList();

    /** Rounds that nobody has read yet, at most: KCL takes up to half a minute before it begins. */
    private static final int AHEAD_MAX = 500;

    private final KinesisAsyncClient kinesis;
    private final String stream;
    private final Received received;
    private final Thread thread = new Thread(this::write, "writer");
    private volatile boolean ending;
    private volatile long rounds = -1;
    private volatile long failures;

    Writer(KinesisAsyncClient kinesis, String stream, Received received) {
        this.kinesis = kinesis;
        this.stream = stream;
        this.received = received;
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** The last round that was acknowledged as a whole. */
    long rounds() {
        return rounds;
    }

    /** Puts that failed, as a whole or for one record. */
    long failures() {
        return failures;
    }

    /** Ends after the round under way, which is returned. */
    long stop() throws InterruptedException {
        ending = true;
        thread.join();
        return rounds;
    }

    private void write() {
        while (!ending) {
            long round = rounds + 1;
            List<String> missing = KEYS;
            while (!missing.isEmpty()) {
                missing = put(missing, round);
            }
            rounds = round;
            awaitReader(round - AHEAD_MAX);
        }
    }

    private void awaitReader(long round) {
        try {
            received.awaitRound(round);
        } catch (InterruptedException | AssertionError problem) {
            // Whoever waits for our records finds out too.
            ending = true;
        }
    }

    /** The keys whose record was not acknowledged. */
    private List<String> put(List<String> keys, long round) {
        List<PutRecordsRequestEntry> entries = keys.stream()
                .map(key -> PutRecordsRequestEntry.builder()
                        .partitionKey(key)
                        .data(SdkBytes.fromUtf8String(key + " " + round))
                        .build())
                .toList();
        try {
            PutRecordsResponse answer = Kcl.get(kinesis.putRecords(each -> each.streamName(stream).records(entries)));
            List<String> missing = IntStream.range(0, keys.size())
                    .filter(index -> answer.records().get(index).errorCode() != null)
                    .mapToObj(keys::get)
                    .toList();
            failures += missing.size();
            return missing;
        } catch (Exception problem) {
            failures++;
            return keys;
        }
    }
}
