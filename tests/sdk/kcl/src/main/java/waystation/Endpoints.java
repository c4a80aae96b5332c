package waystation;

import java.net.URI;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.KinesisClientUtil;

/** Clients as KCL wants them: Kinesis over HTTP/2 without TLS (prior knowledge); DynamoDB is somebody else's server. */
final class Endpoints {
    private Endpoints() {}

    static KinesisAsyncClient kinesis() {
        return KinesisClientUtil.createKinesisAsyncClient(at("WAYSTATION_ENDPOINT", KinesisAsyncClient.builder()));
    }

    static CloudWatchAsyncClient cloudWatch() {
        return at("WAYSTATION_ENDPOINT", CloudWatchAsyncClient.builder()).build();
    }

    static DynamoDbAsyncClient dynamoDb() {
        return at("DYNAMODB_ENDPOINT", DynamoDbAsyncClient.builder()).build();
    }

    private static <B extends AwsClientBuilder<B, ?>> B at(String variable, B builder) {
        var credentials = AwsBasicCredentials.create("AKIAIOSFODNN7EXAMPLE", "secret");
        return builder.endpointOverride(URI.create(System.getenv(variable)))
                .region(Region.US_EAST_1)
                .credentialsProvider(StaticCredentialsProvider.create(credentials));
    }
}
