/**
 * npm run retail -- --tasks FILE --db FILE [--json] [--verbose]
 *
 * Replays the right calls of each task at the retail desk (examples/retail-desk): by their own customer, by another one, and
 * without the customer's yes. Prints three figures; exits 1 when one falls short, 2 when it cannot be tried.
 * On the embedded database, or in one of its own at DEPUTIZE_TEST_DATABASE_URL.
 */
import { retail } from "../examples/retail-desk/replay/command.ts";

process.exitCode = await retail(process.argv.slice(2), process);
