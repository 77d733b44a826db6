/** For tests: a TCP proxy on this machine that can stop forwarding, as a cut or a buffering network does. */
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** Nothing goes through in either direction, on connections that are open and on new ones; they stay open. */
  stop(): void;
  /** What comes is let through only when it is this old. */
  delay(milliseconds: number): void;
  resume(): void;
  close(): Promise<void>;
}

/** Forwards to a port of this machine, asked for by each connection. */
export async function tcpProxy(target: () => number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let stopped = false;
  let delayMs = 0;

  function forward(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on("data", (data) => {
      const pass = (): void => {
        if (!stopped && !to.destroyed) to.write(data);
      };
      if (delayMs > 0) setTimeout(pass, delayMs);
      else pass();
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  }

  const server = createServer((client) => {
    const upstream = connect({ port: target(), host: "127.0.0.1" });
    forward(client, upstream);
    forward(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      stopped = true;
    },
    delay: (milliseconds) => {
      delayMs = milliseconds;
    },
    resume: () => {
      stopped = false;
      delayMs = 0;
      // What was swallowed is lost, so these connections are of no use.
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
