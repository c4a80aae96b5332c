package waystation;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;

/**
 * An application of the Kinesis Client Library (KCL) that goes through a split and a merge while records are written.
 *
 * <p>Arguments: {@code polling} or {@code fan-out}, then {@code calm} or {@code crash}: in a calm run no put may fail and KCL
 * may log no error. WAYSTATION_ENDPOINT names the server, DYNAMODB_ENDPOINT where KCL keeps its leases. At every stage
 * the program prints {@code stage NAME} and goes on when it reads a line, so that whoever runs it may kill the server meanwhile;
 * records are written and read all the time. Ends with 1 if anything went wrong, else prints {@code ok} and what it counted.
 */
public final class Kcl {
    /** How long anything may take, a restart of the server included. */
    static final int PATIENCE_SECONDS = 90;

    private static final List<String> SHARDS = List.of("shardId-000000000000", "shardId-000000000001",
            "shardId-000000000002", "shardId-000000000003", "shardId-000000000004");
    private static final Map<String, Set<String>> PARENTS = Map.of(
            SHARDS.get(0), Set.of(), SHARDS.get(1), Set.of(),
            SHARDS.get(2), Set.of(SHARDS.get(0)), SHARDS.get(3), Set.of(SHARDS.get(0)),
            SHARDS.get(4), Set.of(SHARDS.get(3), SHARDS.get(1)));
    private static final Set<String> OPEN_AT_THE_END = Set.of(SHARDS.get(2), SHARDS.get(4));
    /** A quarter of the hash keys: the middle of the first of two shards. */
    private static final String MIDDLE_OF_FIRST = "85070591730234615865843651857942052864";

    private final BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    private final KinesisAsyncClient kinesis = Endpoints.kinesis();
    private final Received received = new Received();
    private final String stream;

    private Kcl(String stream) {
        this.stream = stream;
    }

    public static void main(String[] arguments) throws Exception {
        Retrieval retrieval = Retrieval.named(arguments[0]);
        boolean calm = arguments[1].equals("calm");
        Complaints complaints = Complaints.listen();
        try {
            Kcl application = new Kcl("kcl-" + arguments[0] + "-" + arguments[1]);
            System.out.println("ok " + application.run(retrieval, complaints, calm));
        } catch (Exception | AssertionError problem) {
            problem.printStackTrace(System.out);
            System.exit(1);
        }
        System.exit(0);
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static <T> T get(CompletableFuture<T> answer) throws Exception {
        return answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    private String run(Retrieval retrieval, Complaints complaints, boolean calm) throws Exception {
        get(kinesis.createStream(each -> each.streamName(stream).shardCount(2)));
        awaitActive();
        Writer writer = new Writer(kinesis, stream, received);
        Worker worker = new Worker(stream, stream, retrieval, received);
        writer.start();
        worker.start();
        awaitFlow(writer, SHARDS.get(0), SHARDS.get(1));
        stage("reading");
        awaitFlow(writer, SHARDS.get(0), SHARDS.get(1));
        get(kinesis.splitShard(each -> each.streamName(stream).shardToSplit(SHARDS.get(0)).newStartingHashKey(MIDDLE_OF_FIRST)));
        stage("split");
        awaitFlow(writer, SHARDS.get(1), SHARDS.get(2), SHARDS.get(3));
        stage("reading children");
        awaitFlow(writer, SHARDS.get(1), SHARDS.get(2), SHARDS.get(3));
        awaitActive();
        get(kinesis.mergeShards(each -> each.streamName(stream).shardToMerge(SHARDS.get(3)).adjacentShardToMerge(SHARDS.get(1))));
        stage("merged");
        awaitFlow(writer, SHARDS.get(2), SHARDS.get(4));
        stage("reading the merged");
        awaitFlow(writer, SHARDS.get(2), SHARDS.get(4));
        long rounds = writer.stop();
        received.awaitRound(rounds);
        worker.stop();
        checkLineage();
        received.check(PARENTS, OPEN_AT_THE_END);
        if (calm) {
            check(writer.failures() == 0, writer.failures() + " puts failed");
            check(received.putAgain() == 0, received.putAgain() + " records were put twice");
            check(received.leasesLost() == 0, received.leasesLost() + " leases were lost although there is one worker");
            readHistory(retrieval, rounds);
            complaints.check();
        }
        return "rounds=%d records=%d redelivered=%d put_again=%d failed_puts=%d leases_lost=%d errors=%d warnings=%d".formatted(
                rounds, received.records(), received.redelivered(), received.putAgain(), writer.failures(),
                received.leasesLost(), complaints.errors(), complaints.warnings());
    }

    /** Another application comes when all is over: it reads the closed shards too, parents first. */
    private void readHistory(Retrieval retrieval, long rounds) throws Exception {
        Received late = new Received();
        Worker worker = new Worker(stream, stream + "-late", retrieval, late);
        worker.start();
        late.awaitRound(rounds);
        worker.stop();
        late.check(PARENTS, OPEN_AT_THE_END);
        check(late.records() == received.records(), late.records() + " of " + received.records() + " records");
    }

    /** Lets whoever runs us do something to the server. */
    private void stage(String name) throws Exception {
        System.out.println("stage " + name);
        check(input.readLine() != null, "nobody says to go on");
    }

    /** Waits for records written from now on, while these shards are read. */
    private void awaitFlow(Writer writer, String... shards) throws Exception {
        received.awaitBegun(shards);
        received.awaitRound(writer.rounds() + 5);
    }

    private void awaitActive() throws Exception {
        while (get(kinesis.describeStreamSummary(each -> each.streamName(stream))).streamDescriptionSummary().streamStatus()
                != StreamStatus.ACTIVE) {
            Thread.sleep(20);
        }
    }

    /** The stream has become what this program takes for granted. */
    private void checkLineage() throws Exception {
        Map<String, Set<String>> parents = new TreeMap<>();
        for (Shard shard : get(kinesis.listShards(each -> each.streamName(stream))).shards()) {
            Set<String> each = Stream.of(shard.parentShardId(), shard.adjacentParentShardId())
                    .filter(Objects::nonNull)
                    .collect(Collectors.toSet());
            parents.put(shard.shardId(), each);
        }
        check(parents.equals(PARENTS), "lineage " + parents);
    }
}
