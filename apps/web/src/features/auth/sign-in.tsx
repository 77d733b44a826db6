/** Signing in: typed, or with one press on a demo account where the shop offers them (only on this machine) [SR-26]. */
import { useMutation, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/http.ts";
import { sessionQuery } from "../../api/queries.ts";
import { sentence, words } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { Input } from "../../ui/input.tsx";
import { Mark } from "../../ui/icons.tsx";
import { Stack, useTitle } from "../../ui/layout.tsx";
import { ErrorState, Notice } from "../../ui/states.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { signIn } from "./session.ts";
import styles from "./sign-in.module.css";

/** One of each role is enough for the first screen. */
const SHOWN_ACCOUNTS = 4;

export function SignInScreen() {
  useTitle("Sign in");
  const client = useQueryClient();
  const router = useRouter();
  const { data: session } = useSuspenseQuery(sessionQuery);
  const [accounts] = useState(session.demo_accounts ?? []);
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const login = useMutation({
    mutationFn: (account: { email: string; password: string }) =>
      signIn(client, account.email, account.password),
    // This page's own rule leads on. A second way on, later, would take the person back from where they have gone since.
    onSuccess: () => router.invalidate(),
  });
  const busyWith = login.isPending ? login.variables.email : undefined;
  const refused =
    login.error instanceof ApiError && login.error.status > 0 && login.error.status < 500
      ? login.error
      : undefined;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate({ email, password });
  };

  return (
    <main className={styles["frame"]}>
      <div className={styles["panel"]}>
        <div className={styles["brand"]}>
          <Mark size={44} />
          <Stack gap={1}>
            <Heading level={1} size="xxl">
              Sign in
            </Heading>
            <Text tone="soft">A shop whose agents act for you, and for nobody else.</Text>
          </Stack>
        </div>
        <form onSubmit={submit}>
          <Stack gap={4}>
            <Input
              label="E-mail"
              type="email"
              name="email"
              autoComplete="username"
              required
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
            <Input
              label="Password"
              type="password"
              name="password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
            {login.isError &&
              (refused ? (
                <Notice tone="bad" role="alert" title={sentence(refused.message)}>
                  {refused.retryAfterSeconds === undefined
                    ? "Check both and try again."
                    : `Try again in ${refused.retryAfterSeconds} seconds.`}
                </Notice>
              ) : (
                <ErrorState error={login.error} title="Signing in did not work" />
              ))}
            <Button
              type="submit"
              variant="primary"
              wide
              busy={busyWith !== undefined && busyWith === email}
              disabled={login.isPending}
            >
              Sign in
            </Button>
          </Stack>
        </form>
        {accounts.length > 0 && (
          <Stack gap={3}>
            <div className={styles["or"]}>or look around as</div>
            <div className={styles["demo"]} role="group" aria-label="Demo accounts">
              {pickAccounts(accounts).map((account) => (
                <Button
                  key={account.email}
                  className={styles["account"] ?? ""}
                  busy={busyWith === account.email && account.email !== email}
                  disabled={login.isPending}
                  onClick={() => login.mutate(account)}
                >
                  <Text as="span" strong clip>
                    {account.name}
                  </Text>
                  <Text as="span" size="xs" tone="soft">
                    {words(account.role)}
                  </Text>
                </Button>
              ))}
            </div>
            <Text size="xs" tone="soft">
              Demo accounts are offered only while the shop runs on this machine.
            </Text>
          </Stack>
        )}
      </div>
    </main>
  );
}

/** One account of each role first, in the order the shop gives them. */
function pickAccounts<T extends { role: string }>(accounts: readonly T[]): T[] {
  const firsts = accounts.filter(
    (account, index) => accounts.findIndex((other) => other.role === account.role) === index,
  );
  const rest = accounts.filter((account) => !firsts.includes(account));
  return [...firsts, ...rest].slice(0, SHOWN_ACCOUNTS);
}
