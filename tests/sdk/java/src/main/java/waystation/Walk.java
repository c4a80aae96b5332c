package waystation;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.retries.DefaultRetryStrategy;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.batchmanager.SqsAsyncBatchManager;
import software.amazon.awssdk.services.sqs.model.DeleteMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.ReceiveMessageRequest;
import software.amazon.awssdk.services.sqs.model.SendMessageBatchRequestEntry;

/**
 * The main paths of SQS through the AWS SDK for Java: it checks digests, retries and errors in its own way.
 *
 * <p>WAYSTATION_ENDPOINT names the server. Prints one line per path and ends with 1 at the first that goes wrong.
 */
public final class Walk {
    private static final URI ENDPOINT = URI.create(System.getenv("WAYSTATION_ENDPOINT"));
    private static final StaticCredentialsProvider CREDENTIALS =
            StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIAIOSFODNN7EXAMPLE", "secret"));

    private final SqsClient client;

    private Walk(SqsClient client) {
        this.client = client;
    }

    public static void main(String[] arguments) throws Exception {
        try (SqsClient client = SqsClient.builder()
                .endpointOverride(ENDPOINT)
                .region(Region.US_EAST_1)
                .credentialsProvider(CREDENTIALS)
                .overrideConfiguration(each -> each.retryStrategy(DefaultRetryStrategy.doNotRetry()))
                .build()) {
            Walk walk = new Walk(client);
            walk.path("a message goes through with its attributes", walk::message);
            walk.path("a missing queue has a class of its own", walk::missingQueue);
            walk.path("a batch reports each entry", walk::batch);
            walk.path("a FIFO queue keeps order and drops duplicates", walk::fifo);
            walk.path("visibility runs out, is extended, is ended", walk::visibility);
            walk.path("a message received too often goes to the dead-letter queue", walk::deadLetter);
            walk.path("queues are listed page by page", walk::listing);
            walk.path("tags and attributes are read as they were written", walk::settings);
            walk.path("the asynchronous client is woken by a send", walk::longPoll);
            walk.path("the batch manager sends and receives", walk::batchManager);
        }
        System.exit(0);
    }

    private interface Path {
        void run() throws Exception;
    }

    private void path(String name, Path path) throws Exception {
        path.run();
        System.out.println("ok " + name);
    }

    private static void expect(boolean holds, String what, Object seen) {
        if (!holds) {
            throw new IllegalStateException(what + ": " + seen);
        }
    }

    private String queue(String name, Map<QueueAttributeName, String> attributes) {
        return client.createQueue(each -> each.queueName(name).attributes(attributes)).queueUrl();
    }

    private static ReceiveMessageRequest receiving(String queue, int waitSeconds) {
        return ReceiveMessageRequest.builder()
                .queueUrl(queue)
                .maxNumberOfMessages(10)
                .waitTimeSeconds(waitSeconds)
                .messageAttributeNames("All")
                .messageSystemAttributeNames(MessageSystemAttributeName.ALL)
                .build();
    }

    private List<Message> receive(String queue, int waitSeconds) {
        return client.receiveMessage(receiving(queue, waitSeconds)).messages();
    }

    private void message() {
        String queue = queue("java-plain", Map.of());
        String body = "from java: \u2603 \ud834\udd1e";
        SdkBytes bytes = SdkBytes.fromByteArray(new byte[] {0, 1, (byte) 255});
        var word = MessageAttributeValue.builder().dataType("String").stringValue("h\u00e4user").build();
        var blob = MessageAttributeValue.builder().dataType("Binary").binaryValue(bytes).build();
        var sent = client.sendMessage(
                each -> each.queueUrl(queue).messageBody(body).messageAttributes(Map.of("word", word, "blob", blob)));
        List<Message> messages = receive(queue, 1);
        expect(messages.size() == 1 && messages.get(0).body().equals(body), "the body as it was sent", messages);
        Message message = messages.get(0);
        expect(message.messageId().equals(sent.messageId()), "the id of the send", message);
        expect(message.md5OfMessageAttributes().equals(sent.md5OfMessageAttributes()), "the digest", message);
        expect(message.messageAttributes().get("blob").binaryValue().equals(bytes), "the binary attribute", message);
        client.deleteMessage(each -> each.queueUrl(queue).receiptHandle(message.receiptHandle()));
        expect(receive(queue, 0).isEmpty(), "nothing is left", queue);
    }

    private void missingQueue() {
        String url = queue("java-there", Map.of()) + "-missing";
        try {
            client.sendMessage(each -> each.queueUrl(url).messageBody("m"));
        } catch (QueueDoesNotExistException missing) {
            String code = missing.awsErrorDetails().errorCode();
            expect(code.equals("AWS.SimpleQueueService.NonExistentQueue"), "the code Java programs know", code);
            return;
        }
        throw new IllegalStateException("a send to a missing queue went through");
    }

    private void batch() {
        String queue = queue("java-batch", Map.of());
        var entries = List.of("a", "b", "c").stream()
                .map(id -> SendMessageBatchRequestEntry.builder().id(id).messageBody("body " + id).build())
                .toList();
        var sent = client.sendMessageBatch(each -> each.queueUrl(queue).entries(entries));
        expect(sent.successful().size() == 3, "three are sent", sent);
        List<DeleteMessageBatchRequestEntry> deletes = new ArrayList<>();
        for (Message message : receive(queue, 1)) {
            String id = "m" + deletes.size();
            deletes.add(DeleteMessageBatchRequestEntry.builder().id(id).receiptHandle(message.receiptHandle()).build());
        }
        int good = deletes.size();
        deletes.add(DeleteMessageBatchRequestEntry.builder().id("bad").receiptHandle("nonsense").build());
        var deleted = client.deleteMessageBatch(each -> each.queueUrl(queue).entries(deletes));
        expect(deleted.successful().size() == good, "the good ones are deleted", deleted);
        expect(deleted.failed().get(0).code().equals("ReceiptHandleIsInvalid"), "the bad one is named", deleted);
    }

    private void fifo() {
        String queue = queue("java.fifo", Map.of(
                QueueAttributeName.FIFO_QUEUE, "true", QueueAttributeName.CONTENT_BASED_DEDUPLICATION, "true"));
        List<String> numbers = new ArrayList<>();
        for (String body : List.of("one", "two", "two", "three")) {
            var sent = client.sendMessage(each -> each.queueUrl(queue).messageBody(body).messageGroupId("g"));
            numbers.add(sent.sequenceNumber());
        }
        expect(numbers.get(1).equals(numbers.get(2)), "a duplicate answers with the original's number", numbers);
        List<String> found = receive(queue, 1).stream().map(Message::body).toList();
        expect(found.equals(List.of("one", "two", "three")), "in order, once", found);
    }

    private void visibility() {
        String queue = queue("java-visibility", Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "1"));
        client.sendMessage(each -> each.queueUrl(queue).messageBody("seen"));
        expect(receive(queue, 1).size() == 1, "received", queue);
        List<Message> again = receive(queue, 5);
        expect(again.size() == 1, "shown again", again);
        String handle = again.get(0).receiptHandle();
        client.changeMessageVisibility(each -> each.queueUrl(queue).receiptHandle(handle).visibilityTimeout(60));
        expect(receive(queue, 2).isEmpty(), "hidden for longer", queue);
        client.changeMessageVisibility(each -> each.queueUrl(queue).receiptHandle(handle).visibilityTimeout(0));
        expect(receive(queue, 1).size() == 1, "shown at once", queue);
    }

    private void deadLetter() {
        String dead = queue("java-dead", Map.of());
        String policy =
                "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:java-dead\",\"maxReceiveCount\":\"1\"}";
        String source = queue("java-source", Map.of(
                QueueAttributeName.REDRIVE_POLICY, policy, QueueAttributeName.VISIBILITY_TIMEOUT, "0"));
        client.sendMessage(each -> each.queueUrl(source).messageBody("poison"));
        expect(receive(source, 1).size() == 1, "received once", source);
        expect(receive(source, 0).isEmpty(), "not a second time", source);
        List<Message> moved = receive(dead, 5);
        expect(moved.size() == 1 && moved.get(0).body().equals("poison"), "moved", moved);
    }

    private void listing() {
        IntStream.range(0, 5).forEach(number -> queue("java-list-" + number, Map.of()));
        var pages = client.listQueuesPaginator(each -> each.queueNamePrefix("java-list-").maxResults(2));
        long found = pages.queueUrls().stream().count();
        expect(found == 5, "five queues over three pages", found);
    }

    private void settings() {
        String queue = queue("java-settings", Map.of(QueueAttributeName.DELAY_SECONDS, "7"));
        client.tagQueue(each -> each.queueUrl(queue).tags(Map.of("team", "java")));
        Map<String, String> tags = client.listQueueTags(each -> each.queueUrl(queue)).tags();
        expect("java".equals(tags.get("team")), "the tag", tags);
        var attributes = client.getQueueAttributes(
                each -> each.queueUrl(queue).attributeNames(QueueAttributeName.ALL)).attributes();
        expect("7".equals(attributes.get(QueueAttributeName.DELAY_SECONDS)), "the delay", attributes);
    }

    private static SqsAsyncClient asynchronous() {
        return SqsAsyncClient.builder()
                .endpointOverride(ENDPOINT)
                .region(Region.US_EAST_1)
                .credentialsProvider(CREDENTIALS)
                .build();
    }

    private void longPoll() throws Exception {
        String queue = queue("java-poll", Map.of());
        try (SqsAsyncClient poller = asynchronous()) {
            var poll = poller.receiveMessage(receiving(queue, 20));
            client.sendMessage(each -> each.queueUrl(queue).messageBody("wake up"));
            List<Message> messages = poll.get(10, TimeUnit.SECONDS).messages();
            expect(messages.size() == 1, "one message", messages);
        }
    }

    private void batchManager() throws Exception {
        String queue = queue("java-manager", Map.of());
        try (SqsAsyncClient under = asynchronous();
                SqsAsyncBatchManager manager = SqsAsyncBatchManager.builder()
                        .client(under)
                        .scheduledExecutor(java.util.concurrent.Executors.newScheduledThreadPool(1))
                        .overrideConfiguration(each -> each.sendRequestFrequency(Duration.ofMillis(20)))
                        .build()) {
            var sends = IntStream.range(0, 25)
                    .mapToObj(number -> manager.sendMessage(each -> each.queueUrl(queue).messageBody("m" + number)))
                    .toList();
            CompletableFuture.allOf(sends.toArray(CompletableFuture[]::new)).get(20, TimeUnit.SECONDS);
            int found = 0;
            while (found < 25) {
                List<Message> messages = receive(queue, 2);
                expect(!messages.isEmpty(), "all 25 arrive", found);
                found += messages.size();
            }
        }
    }
}
