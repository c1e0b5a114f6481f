import java.io.IOException;
import java.io.UncheckedIOException;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/** Runs one OpenSearch node until it is told to stop: OpenSearchNode <folder> <http port>. */
public class OpenSearchNode {
    public static void main(String[] args) throws InterruptedException {
        OpenSearchRunner runner = new OpenSearchRunner();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
        runner.setMaxHttpPort(-1); // the port is ours to choose, in the 9200s or not
        runner.onBuild((number, settings) -> {
            settings.put("network.host", "127.0.0.1");
            settings.put("http.port", args[1]);
            settings.put("transport.port", "0");
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
            settings.put("node.name", "qrm");
            settings.put("node.attr.testattr", "test"); // as OpenSearch's own tests want it
            settings.put("path.repo", args[0] + "/repositories");
            settings.putList("node.roles", "cluster_manager", "data", "ingest");
        });
        runner.build(OpenSearchRunner.newConfigs().basePath(args[0]).numOfNode(1).useLogger());
        Thread.currentThread().join(); // every thread of the node is a daemon
    }

    private static void close(OpenSearchRunner runner) {
        try {
            runner.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
