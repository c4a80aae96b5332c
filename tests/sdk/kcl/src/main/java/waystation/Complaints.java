package waystation;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What KCL and the SDK log as an error or a warning; all of it goes to standard error too. */
final class Complaints extends Handler {
    private final List<String> errors = new ArrayList<>();
    private int warnings;

    /** Takes the place of every other handler. */
    static Complaints listen() {
        Logger root = Logger.getLogger("");
        for (Handler each : root.getHandlers()) {
            root.removeHandler(each);
        }
        Complaints complaints = new Complaints();
        root.addHandler(complaints);
        root.setLevel(Level.parse(System.getenv().getOrDefault("KCL_LOG", "WARNING")));
        return complaints;
    }

    @Override
    public synchronized void publish(LogRecord record) {
        String line = "%s %s %s: %s".formatted(record.getInstant(), record.getLevel(), record.getLoggerName(), record.getMessage());
        System.err.println(line);
        if (record.getThrown() != null) {
            record.getThrown().printStackTrace();
        }
        if (record.getLevel() == Level.SEVERE) {
            errors.add(line + (record.getThrown() == null ? "" : " " + record.getThrown()));
        } else if (record.getLevel() == Level.WARNING) {
            warnings++;
        }
    }

    synchronized int errors() {
        return errors.size();
    }

    synchronized int warnings() {
        return warnings;
    }

    /** There was no error. */
    synchronized void check() {
        Kcl.check(errors.isEmpty(), String.join("\n", errors));
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
