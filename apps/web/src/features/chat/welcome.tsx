/** An empty chat: a greeting and four questions to begin with. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { ordersQuery } from "../../api/queries.ts";
import type { User } from "../../api/types.ts";
import { Button } from "../../ui/button.tsx";
import { Stack } from "../../ui/layout.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import styles from "./chat.module.css";
import { suggestionsFor } from "./suggestions.ts";

const CANCELLABLE = new Set(["placed", "confirmed"]);

export function Welcome({ user, onAsk }: { user: User; onAsk: ((question: string) => void) | undefined }) {
  const orders = useInfiniteQuery(ordersQuery(undefined));
  const cancellable = orders.data?.pages[0]?.orders.find((order) => CANCELLABLE.has(order.status))?.number;
  return (
    <div className={styles["empty"]}>
      <Stack gap={1}>
        <Heading level={2} size="xxl" dir="auto">
          Hello, {user.name.split(" ")[0]}
        </Heading>
        <Text size="lg" tone="soft">
          Ask, and agents work on it for you. Every step leaves a receipt.
        </Text>
      </Stack>
      <div className={styles["suggestions"]}>
        {suggestionsFor(user, cancellable).map((suggestion) => (
          <Button
            key={suggestion.hint}
            className={styles["suggestion"] ?? ""}
            data-testid="suggestion"
            {...(onAsk && { onClick: () => onAsk(suggestion.ask) })}
          >
            <Text as="span" strong>
              {suggestion.label}
            </Text>
            <Text as="span" size="sm" tone="soft">
              {suggestion.hint}
            </Text>
          </Button>
        ))}
      </div>
    </div>
  );
}
