// The main paths of SQS through the AWS SDK for Go: it checks digests, retries and errors in its own way.
//
// WAYSTATION_ENDPOINT names the server. Prints one line per path and ends with 1 at the first that goes wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

type walk struct {
	ctx    context.Context
	client *sqs.Client
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := sqs.New(sqs.Options{
		BaseEndpoint: aws.String(os.Getenv("WAYSTATION_ENDPOINT")),
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
		Retryer:      aws.NopRetryer{},
	})
	w := walk{ctx, client}
	paths := []struct {
		name string
		run  func()
	}{
		{"a message goes through with its attributes", w.message},
		{"a missing queue has a type of its own", w.missingQueue},
		{"a batch reports each entry", w.batch},
		{"a FIFO queue keeps order and drops duplicates", w.fifo},
		{"visibility runs out, is extended, is ended", w.visibility},
		{"a message received too often goes to the dead-letter queue", w.deadLetter},
		{"a send wakes a long poll", w.longPoll},
		{"queues are listed page by page", w.listing},
		{"tags and attributes are read as they were written", w.settings},
	}
	for _, path := range paths {
		path.run()
		fmt.Println("ok", path.name)
	}
}

// must ends the walk on an error, naming the path's function by the stack.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func expect(holds bool, what string, seen ...any) {
	if !holds {
		panic(fmt.Sprintf("%s: %v", what, seen))
	}
}

func (w walk) queue(name string, attributes map[string]string) *string {
	input := &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: attributes}
	return must(w.client.CreateQueue(w.ctx, input)).QueueUrl
}

func (w walk) send(queue *string, body string) *sqs.SendMessageOutput {
	return must(w.client.SendMessage(w.ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String(body)}))
}

func (w walk) receive(queue *string, waitSeconds int32) []types.Message {
	return must(w.client.ReceiveMessage(w.ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    queue,
		MaxNumberOfMessages:         10,
		WaitTimeSeconds:             waitSeconds,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})).Messages
}

func bodies(messages []types.Message) []string {
	var found []string
	for _, message := range messages {
		found = append(found, *message.Body)
	}
	return found
}

func (w walk) message() {
	queue := w.queue("go-plain", nil)
	body := "from go: \u2603 \U0001d11e"
	sent := must(w.client.SendMessage(w.ctx, &sqs.SendMessageInput{
		QueueUrl:    queue,
		MessageBody: aws.String(body),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"word": {DataType: aws.String("String"), StringValue: aws.String("häuser")},
			"blob": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
		},
	}))
	messages := w.receive(queue, 1)
	expect(len(messages) == 1 && *messages[0].Body == body, "the body as it was sent", bodies(messages))
	expect(*messages[0].MessageId == *sent.MessageId, "the id of the send")
	expect(*messages[0].MD5OfMessageAttributes == *sent.MD5OfMessageAttributes, "the digest of the attributes")
	expect(string(messages[0].MessageAttributes["blob"].BinaryValue) == "\x00\x01\xff", "the binary attribute")
	expect(messages[0].Attributes["ApproximateReceiveCount"] == "1", "received once", messages[0].Attributes)
	input := &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: messages[0].ReceiptHandle}
	must(w.client.DeleteMessage(w.ctx, input))
	expect(len(w.receive(queue, 0)) == 0, "nothing is left")
}

func (w walk) missingQueue() {
	url := *w.queue("go-there", nil) + "-missing"
	_, err := w.client.SendMessage(w.ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("m")})
	var missing *types.QueueDoesNotExist
	expect(errors.As(err, &missing), "QueueDoesNotExist", err)
}

func (w walk) batch() {
	queue := w.queue("go-batch", nil)
	input := &sqs.SendMessageBatchInput{QueueUrl: queue}
	for _, id := range []string{"a", "b", "c"} {
		entry := types.SendMessageBatchRequestEntry{Id: aws.String(id), MessageBody: aws.String("body " + id)}
		input.Entries = append(input.Entries, entry)
	}
	expect(len(must(w.client.SendMessageBatch(w.ctx, input)).Successful) == 3, "three are sent")
	deletes := &sqs.DeleteMessageBatchInput{QueueUrl: queue}
	for number, message := range w.receive(queue, 1) {
		entry := types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(number)), ReceiptHandle: message.ReceiptHandle}
		deletes.Entries = append(deletes.Entries, entry)
	}
	good := len(deletes.Entries)
	bad := types.DeleteMessageBatchRequestEntry{Id: aws.String("bad"), ReceiptHandle: aws.String("nonsense")}
	deletes.Entries = append(deletes.Entries, bad)
	deleted := must(w.client.DeleteMessageBatch(w.ctx, deletes))
	expect(len(deleted.Successful) == good, "the good ones are deleted", deleted.Successful)
	expect(len(deleted.Failed) == 1 && *deleted.Failed[0].Code == "ReceiptHandleIsInvalid", "the bad one is named", deleted.Failed)
}

func (w walk) fifo() {
	queue := w.queue("go.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	var sequences []string
	for _, body := range []string{"one", "two", "two", "three"} {
		input := &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String(body), MessageGroupId: aws.String("g")}
		sequences = append(sequences, *must(w.client.SendMessage(w.ctx, input)).SequenceNumber)
	}
	expect(sequences[1] == sequences[2], "a duplicate answers with the original's number", sequences)
	expect(sort.StringsAreSorted(sequences), "numbers grow", sequences)
	found := strings.Join(bodies(w.receive(queue, 1)), " ")
	expect(found == "one two three", "in order, once", found)
}

func (w walk) visibility() {
	queue := w.queue("go-visibility", map[string]string{"VisibilityTimeout": "1"})
	w.send(queue, "seen")
	first := w.receive(queue, 1)
	expect(len(first) == 1, "received", first)
	again := w.receive(queue, 5)
	expect(len(again) == 1 && again[0].Attributes["ApproximateReceiveCount"] == "2", "shown again", again)
	change := func(seconds int32) {
		must(w.client.ChangeMessageVisibility(w.ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: queue, ReceiptHandle: again[0].ReceiptHandle, VisibilityTimeout: seconds,
		}))
	}
	change(60)
	expect(len(w.receive(queue, 2)) == 0, "hidden for longer")
	change(0)
	expect(len(w.receive(queue, 1)) == 1, "shown at once")
}

func (w walk) deadLetter() {
	dead := w.queue("go-dead", nil)
	policy := `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:go-dead","maxReceiveCount":"1"}`
	source := w.queue("go-source", map[string]string{"RedrivePolicy": policy, "VisibilityTimeout": "0"})
	w.send(source, "poison")
	expect(len(w.receive(source, 1)) == 1, "received once")
	expect(len(w.receive(source, 0)) == 0, "not a second time")
	moved := w.receive(dead, 5)
	expect(len(moved) == 1 && *moved[0].Body == "poison", "moved", bodies(moved))
	from := moved[0].Attributes["DeadLetterQueueSourceArn"]
	expect(strings.HasSuffix(from, ":go-source"), "its source is named", from)
}

func (w walk) longPoll() {
	queue := w.queue("go-poll", nil)
	got := make(chan []types.Message)
	go func() { got <- w.receive(queue, 20) }()
	w.send(queue, "wake up")
	select {
	case messages := <-got:
		expect(len(messages) == 1, "one message", bodies(messages))
	case <-time.After(10 * time.Second):
		panic("the long poll was not woken")
	}
}

func (w walk) listing() {
	for number := range 5 {
		w.queue(fmt.Sprintf("go-list-%d", number), nil)
	}
	prefix, limit := aws.String("go-list-"), aws.Int32(2)
	pages := sqs.NewListQueuesPaginator(w.client, &sqs.ListQueuesInput{QueueNamePrefix: prefix, MaxResults: limit})
	found := 0
	for pages.HasMorePages() {
		found += len(must(pages.NextPage(w.ctx)).QueueUrls)
	}
	expect(found == 5, "five queues over three pages", found)
}

func (w walk) settings() {
	queue := w.queue("go-settings", map[string]string{"DelaySeconds": "7"})
	must(w.client.TagQueue(w.ctx, &sqs.TagQueueInput{QueueUrl: queue, Tags: map[string]string{"team": "go"}}))
	tags := must(w.client.ListQueueTags(w.ctx, &sqs.ListQueueTagsInput{QueueUrl: queue})).Tags
	expect(tags["team"] == "go", "the tag", tags)
	names := []types.QueueAttributeName{types.QueueAttributeNameAll}
	input := &sqs.GetQueueAttributesInput{QueueUrl: queue, AttributeNames: names}
	attributes := must(w.client.GetQueueAttributes(w.ctx, input)).Attributes
	expect(attributes["DelaySeconds"] == "7", "the delay", attributes)
	must(w.client.DeleteQueue(w.ctx, &sqs.DeleteQueueInput{QueueUrl: queue}))
	url := &sqs.GetQueueUrlInput{QueueName: aws.String("go-settings")}
	_, err := w.client.GetQueueUrl(w.ctx, url)
	var missing *types.QueueDoesNotExist
	expect(errors.As(err, &missing), "gone after it was deleted", err)
}
