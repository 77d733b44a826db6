/**
 * A pool that can be taken from whoever works with it, while the pool itself stays open for others.
 *
 * Guarantees: once `sever` has resolved, nothing that was begun through it writes any more. An engine that is stopped leaves work
 * behind that waits in this process; if that work could still write down a step, whoever took it over would find the step taken and
 * wait for the one that is gone.
 */
import type pg from "pg";

export interface SeverablePool {
  readonly pool: pg.Pool;
  /** Refuses whatever comes from now on, and waits for what is under way. */
  sever(): Promise<void>;
}

export function severablePool(pool: pg.Pool): SeverablePool {
  let severed = false;
  const underWay = new Set<Promise<unknown>>();

  function track<T>(work: Promise<T>): Promise<T> {
    const settled = work.then(
      () => {},
      () => {},
    );
    underWay.add(settled);
    void settled.then(() => underWay.delete(settled));
    return work;
  }
  const refuse = (): Promise<never> => Promise.reject(new Error("the engine has been stopped"));

  async function connect(): Promise<pg.PoolClient> {
    if (severed) return refuse();
    const client = await track(pool.connect());
    let over = (): void => {};
    void track(new Promise<void>((resolve) => (over = resolve)));
    const { release } = client;
    client.release = (...how) => {
      client.release = release;
      over();
      release.apply(client, how);
    };
    return client;
  }

  const face = new Proxy(pool, {
    get(target, name) {
      if (name === "connect") return connect;
      if (name === "query")
        return (...asked: unknown[]) =>
          severed ? refuse() : track(Reflect.apply(target.query, target, asked) as Promise<unknown>);
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
  return {
    pool: face,
    async sever() {
      severed = true;
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
