/** Who is signed in, and how that begins and ends. The session itself is a cookie that no script can read. */
import { type QueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useRouteContext } from "@tanstack/react-router";
import { api } from "../../api/http.ts";
import { sessionQuery } from "../../api/queries.ts";
import type { Session, User } from "../../api/types.ts";
import { closeAllChats } from "../chat/chat-registry.ts";

/**
 * The signed-in person, as the frame found them when it was entered: it does not vanish under a screen that is
 * being left. Only for pages behind the sign-in check.
 */
export function useUser(): User {
  return useRouteContext({ from: "/shell", select: (context) => context.user });
}

export function useModel(): Session["model"] {
  return useSuspenseQuery(sessionQuery).data.model;
}

/** Only an administrator may open cases [SR-04]; the server decides, this only hides what cannot work. */
export const mayOpenCases = (user: User): boolean => user.role === "admin";

/** Throws `ApiError` with `invalid_credentials` alike for an unknown address and a wrong password. */
export async function signIn(client: QueryClient, email: string, password: string): Promise<void> {
  await api.post("/api/auth/login", { email, password });
  forgetEverything(client);
  await client.fetchQuery({ ...sessionQuery, staleTime: 0 });
}

export async function signOut(client: QueryClient): Promise<void> {
  await api.post("/api/auth/logout", {});
  forgetEverything(client);
  await client.fetchQuery({ ...sessionQuery, staleTime: 0 });
}

/** Drops what was shown to the previous person, chats included. */
function forgetEverything(client: QueryClient): void {
  closeAllChats();
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] });
}

/** The server said that the session is over: keep what is on screen, ask to sign in again. */
export function markSignedOut(client: QueryClient): void {
  client.setQueryData(sessionQuery.queryKey, (old: Session | undefined) =>
    old === undefined ? old : { ...old, user: null },
  );
}
