package waystation;

import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.processor.SingleStreamTracker;

/** One worker of KCL, with its waiting times cut so that a run takes seconds. */
final class Worker {
    private final Scheduler scheduler;
    private final Thread thread;

    /** The application names the tables of leases and the consumer. */
    Worker(String stream, String application, Retrieval retrieval, Received received) {
        KinesisAsyncClient kinesis = Endpoints.kinesis();
        var oldest = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        var configs = new ConfigsBuilder(new SingleStreamTracker(stream, oldest), application, kinesis, Endpoints.dynamoDb(),
                Endpoints.cloudWatch(), "worker", () -> new Processor(received));
        scheduler = new Scheduler(
                configs.checkpointConfig(),
                configs.coordinatorConfig()
                        // Else KCL 3.5.1 asks for the shard with ListShards before it hands out records, and skips them, logging a
                        // warning, when that fails: a crash at that moment would look as if the server had lost them.
                        .skipShardSyncAtWorkerInitializationIfLeasesExist(true)
                        .parentShardPollIntervalMillis(250)
                        .shardConsumerDispatchPollIntervalMillis(100)
                        .schedulerInitializationBackoffTimeMillis(500),
                configs.leaseManagementConfig()
                        .leaseAssignmentIntervalMillis(1_000L)
                        .shardSyncIntervalMillis(2_000)
                        .leasesRecoveryAuditorExecutionFrequencyMillis(2_000)
                        .listShardsBackoffTimeInMillis(200),
                configs.lifecycleConfig().taskBackoffTimeMillis(200),
                configs.metricsConfig().metricsBufferTimeMillis(1_000),
                configs.processorConfig(),
                configs.retrievalConfig()
                        .listShardsBackoffTimeInMillis(200)
                        .retrievalSpecificConfig(retrieval.config(stream, application, kinesis)));
        thread = new Thread(scheduler, "worker");
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** Lets KCL end in order: every processor is asked first. */
    void stop() throws Exception {
        boolean done = scheduler.startGracefulShutdown().get(Kcl.PATIENCE_SECONDS, TimeUnit.SECONDS);
        Kcl.check(done, "the worker did not shut down in order");
        thread.join(TimeUnit.SECONDS.toMillis(Kcl.PATIENCE_SECONDS));
        Kcl.check(!thread.isAlive(), "the worker still runs");
    }
}
