/** Wires data and routes together; a 401 anywhere leads to signing in, with the way back kept. */
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { ApiError } from "../api/http.ts";
import { markSignedOut } from "../features/auth/session.ts";
import { Toasts } from "../ui/toast.tsx";
import { createAppRouter } from "./router.tsx";

function onError(error: unknown): void {
  if (error instanceof ApiError && error.status === 401 && error.code !== "invalid_credentials") {
    markSignedOut(client);
    void router.invalidate();
  }
}

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // One more try for a lost connection or a restarting server; a refusal is an answer.
      retry: (count, error) =>
        count < 1 && error instanceof ApiError && (error.status === 0 || error.status >= 502),
      retryDelay: 600,
    },
  },
});

const router = createAppRouter(client);

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

export function App() {
  return (
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
      <Toasts />
    </QueryClientProvider>
  );
}
