/**
 * A component that is loaded when it is first needed. Unlike a Suspense fallback, which React keeps for at least
 * 300 ms once shown, the real thing appears the moment it is there.
 */
import { type ComponentType, type ReactNode, useEffect, useState } from "react";

export interface Deferred<P> {
  (props: P & { fallback: ReactNode }): ReactNode;
  /** Starts loading, for a pointer that is on its way. */
  preload: () => void;
}

export function deferred<P extends object>(load: () => Promise<ComponentType<P>>): Deferred<P> {
  let loaded: ComponentType<P> | undefined;
  let loading: Promise<void> | undefined;
  const start = (): Promise<void> =>
    (loading ??= load().then(
      (component) => {
        loaded = component;
      },
      (error: unknown) => {
        loading = undefined; // The next attempt asks the network again.
        throw error;
      },
    ));

  function DeferredComponent({ fallback, ...props }: P & { fallback: ReactNode }): ReactNode {
    const [state, setState] = useState<{ ready: boolean; error?: unknown }>({ ready: loaded !== undefined });
    useEffect(() => {
      if (state.ready) return;
      let gone = false;
      start().then(
        () => !gone && setState({ ready: true }),
        (error: unknown) => !gone && setState({ ready: false, error }),
      );
      return () => {
        gone = true;
      };
    }, [state.ready]);
    if (state.error !== undefined) throw state.error;
    const Component = loaded;
    return state.ready && Component !== undefined ? <Component {...(props as unknown as P)} /> : fallback;
  }
  return Object.assign(DeferredComponent, {
    preload: () => {
      start().catch(() => undefined);
    },
  });
}
