package waystation;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;

/** Passes on what KCL hands out for one shard and says how far it got. */
final class Processor implements ShardRecordProcessor {
    private final Received received;
    private String shard;
    private BigInteger last = BigInteger.ZERO;

    Processor(Received received) {
        this.received = received;
    }

    private interface Step {
        void run() throws Exception;
    }

    /** KCL only logs what a processor throws; a test must not miss it. */
    private void noting(String what, Step step) {
        try {
            step.run();
        } catch (Exception | AssertionError problem) {
            received.problem(shard + ": " + what + ": " + problem);
        }
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.shardId();
        received.begun(shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        noting("records", () -> {
            for (var record : input.records()) {
                BigInteger number = new BigInteger(record.sequenceNumber());
                Kcl.check(number.compareTo(last) > 0, number + " comes after " + last);
                last = number;
                String data = StandardCharsets.UTF_8.decode(record.data()).toString();
                received.record(shard, record.sequenceNumber(), record.partitionKey(), data);
            }
            input.checkpointer().checkpoint();
        });
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
        received.leaseLost(shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        noting("end of the shard", () -> {
            // Without a checkpoint here KCL never begins the children.
            input.checkpointer().checkpoint();
            received.ended(shard);
        });
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        noting("shutdown", () -> {
            RecordProcessorCheckpointer checkpointer = input.checkpointer();
            checkpointer.checkpoint();
            received.asked(shard);
        });
    }
}
