package waystation;

import java.util.Arrays;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/** How KCL gets at records: it asks with GetRecords, or they are pushed to a registered consumer. */
enum Retrieval {
    POLLING("polling"),
    FAN_OUT("fan-out");

    private final String word;

    Retrieval(String word) {
        this.word = word;
    }

    static Retrieval named(String word) {
        return Arrays.stream(values()).filter(each -> each.word.equals(word)).findAny().orElseThrow();
    }

    RetrievalSpecificConfig config(String stream, String application, KinesisAsyncClient kinesis) {
        return switch (this) {
            case POLLING -> new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200);
            case FAN_OUT -> new FanOutConfig(kinesis).streamName(stream).applicationName(application);
        };
    }
}
