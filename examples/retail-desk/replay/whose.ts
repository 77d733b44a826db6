/**
 * Whose task it is: told by what its calls name, or else by what the customer says of themselves.
 *
 * Guarantees: only what the database knows counts. Where calls name several customers, the one whom most of them name is
 * taken; where nothing names any, nobody is.
 */
import type { DeskData } from "./reference.ts";
import type { Task } from "./tasks.ts";

const plain = (written: unknown): string =>
  String(written).normalize("NFKD").replaceAll(/\p{M}/gu, "").trim().toLowerCase();

/** Answers the customer of a task of this database. */
export function customerFinder(data: DeskData): (task: Task) => string | undefined {
  const users = Object.values(data.users);
  const byEmail = new Map(users.map((user) => [plain(user.email), user.user_id]));
  const byNameAndZip = new Map(
    users.map(({ name, address, user_id }) => [
      [plain(name.first_name), plain(name.last_name), address.zip].join("\n"),
      user_id,
    ]),
  );
  const byMethod = new Map(
    users.flatMap((user) => Object.keys(user.payment_methods).map((id) => [id, user.user_id] as const)),
  );
  const ownerOf = (orderId: string): string | undefined =>
    Object.hasOwn(data.orders, orderId) ? data.orders[orderId]?.user_id : undefined;
  const known = (id: string | undefined): string[] =>
    id !== undefined && Object.hasOwn(data.users, id) ? [id] : [];

  const namedBy = (args: Readonly<Record<string, unknown>>): string[] => [
    ...known(String(args["user_id"])),
    ...known(ownerOf(String(args["order_id"]))),
    ...known(byEmail.get(plain(args["email"]))),
    ...known(
      byNameAndZip.get(
        [plain(args["first_name"]), plain(args["last_name"]), String(args["zip"]).trim()].join("\n"),
      ),
    ),
    ...known(byMethod.get(String(args["payment_method_id"]))),
  ];

  /** In a customer's own words: an id, an address, an order, or a full name with a zip code. */
  const saidIn = (text: string): string[] => {
    const words = text.match(/[\p{L}\p{N}_#@.+'-]+/gu)?.map((word) => word.replace(/[.']+$/, "")) ?? [];
    const folded = plain(text);
    const zips = new Set(words);
    const parts = new Set(plain(text).match(/[\p{L}\p{N}'-]+/gu));
    return [
      ...words.flatMap((word) => [
        ...known(word),
        ...known(byEmail.get(plain(word))),
        ...known(ownerOf(word) ?? ownerOf(`#${word}`)),
      ]),
      ...users
        .filter(({ name, address }) => {
          const [first, last] = [plain(name.first_name), plain(name.last_name)];
          return (
            zips.has(address.zip) &&
            parts.has(first) &&
            (parts.has(last) || folded.includes(`${first} ${last}`))
          );
        })
        .map(({ user_id }) => user_id),
    ];
  };

  return (task) => {
    const fromCalls = task.actions.flatMap(({ arguments: args }) => namedBy(args));
    return mostNamed(fromCalls.length > 0 ? fromCalls : saidIn(textOf(task.request)));
  };
}

/** Everything that is said in a request, whatever its fields are called. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "";
  return Object.values(value).map(textOf).join("\n");
}

function mostNamed(names: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}
