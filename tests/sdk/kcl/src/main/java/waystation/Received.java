package waystation;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;

/**
 * What all processors of one run were given, checked as it comes: for every partition key the first deliveries of its records are
 * numbered 0, 1, 2 and so on, without a gap. KCL promises at least once, so later deliveries of the same are counted only.
 */
final class Received {
    private final Map<String, Long> rounds = new HashMap<>();
    private final Set<String> sequenceNumbers = new HashSet<>();
    private final Map<String, Integer> recordsOfShard = new HashMap<>();
    private final Set<String> begun = new TreeSet<>();
    private final Set<String> ended = new TreeSet<>();
    private final Set<String> asked = new TreeSet<>();
    private final Map<String, Set<String>> endedBefore = new HashMap<>();
    private final List<String> problems = new ArrayList<>();
    private long redelivered;
    private long putAgain;
    private long leasesLost;

    synchronized void begun(String shard) {
        begun.add(shard);
        notifyAll();
    }

    synchronized void record(String shard, String sequenceNumber, String key, String data) {
        endedBefore.computeIfAbsent(shard, each -> new TreeSet<>(ended));
        recordsOfShard.merge(shard, 1, Integer::sum);
        String[] words = data.split(" ");
        if (!words[0].equals(key)) {
            problems.add("the data of " + words[0] + " came with the key " + key);
        }
        long round = Long.parseLong(words[1]);
        long expected = rounds.getOrDefault(key, -1L) + 1;
        boolean fresh = sequenceNumbers.add(sequenceNumber);
        if (!fresh) {
            redelivered++;
        } else if (round < expected) {
            putAgain++;
        } else if (round > expected) {
            problems.add("%s: %d where %d should be (%s)".formatted(key, round, expected, sequenceNumber));
        }
        rounds.put(key, Math.max(round, expected - 1));
        notifyAll();
    }

    synchronized void ended(String shard) {
        if (!ended.add(shard)) {
            problems.add(shard + " ended twice");
        }
        notifyAll();
    }

    synchronized void asked(String shard) {
        asked.add(shard);
    }

    synchronized void leaseLost(String shard) {
        // A worker that shuts down in order gives up its leases after it asked.
        if (!asked.contains(shard)) {
            leasesLost++;
        }
    }

    synchronized void problem(String what) {
        problems.add(what);
        notifyAll();
    }

    synchronized long redelivered() {
        return redelivered;
    }

    synchronized long leasesLost() {
        return leasesLost;
    }

    synchronized long putAgain() {
        return putAgain;
    }

    synchronized int records() {
        return sequenceNumbers.size();
    }

    private interface Condition {
        boolean holds();
    }

    /** Waits until processors of all these shards were made. */
    void awaitBegun(String... shards) throws InterruptedException {
        await("processors of " + String.join(", ", shards), () -> begun.containsAll(Set.of(shards)));
    }

    /** Waits until the record of this round came for every key; a round below 0 is there at once. */
    void awaitRound(long round) throws InterruptedException {
        await("round " + round, () -> Writer.KEYS.stream().allMatch(key -> rounds.getOrDefault(key, -1L) >= round));
    }

    private synchronized void await(String what, Condition condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Kcl.PATIENCE_SECONDS);
        while (!condition.holds() && problems.isEmpty()) {
            long rest = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            Kcl.check(rest > 0, "no " + what + ": begun " + begun + ", ended " + ended + ", rounds " + rounds);
            wait(rest);
        }
        Kcl.check(problems.isEmpty(), String.join("\n", problems));
    }

    /** Every shard was read, and each only after its parents had ended; those that are open were asked before the worker went. */
    synchronized void check(Map<String, Set<String>> parents, Set<String> open) {
        Kcl.check(problems.isEmpty(), String.join("\n", problems));
        Kcl.check(recordsOfShard.keySet().equals(parents.keySet()), "records of " + recordsOfShard);
        parents.forEach((shard, each) -> {
            boolean first = endedBefore.get(shard).containsAll(each);
            Kcl.check(first, shard + " began when only " + endedBefore.get(shard) + " had ended");
        });
        Set<String> closed = new TreeSet<>(parents.keySet());
        closed.removeAll(open);
        Kcl.check(ended.equals(closed), "ended " + ended);
        Kcl.check(asked.equals(open), "asked to shut down " + asked);
    }
}
