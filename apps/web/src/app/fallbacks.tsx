/** What stands in for a screen: while it loads, when it broke, when it is not there. */
import { Link, useRouter } from "@tanstack/react-router";
import { Button } from "../ui/button.tsx";
import { SearchIcon } from "../ui/icons.tsx";
import { Page, Stack } from "../ui/layout.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../ui/states.tsx";

/** For what lies outside of the frame, which has no main region of its own. */
export function RootNotFound() {
  return (
    <main>
      <NotFoundScreen />
    </main>
  );
}

export function RootError(props: { error: unknown; reset?: () => void }) {
  return (
    <main>
      <ErrorScreen {...props} />
    </main>
  );
}

export function PendingScreen() {
  return (
    <Page title="Loading">
      <Loading label="Loading">
        <Stack gap={3}>
          <Skeleton height={72} radius={16} />
          <Skeleton height={72} radius={16} />
          <Skeleton height={72} radius={16} />
        </Stack>
      </Loading>
    </Page>
  );
}

export function ErrorScreen({ error, reset }: { error: unknown; reset?: () => void }) {
  const router = useRouter();
  return (
    <Page title="This page could not be shown" narrow>
      <ErrorState
        error={error}
        title="This page could not be shown"
        retry={() => {
          reset?.();
          void router.invalidate();
        }}
      />
    </Page>
  );
}

export function NotFoundScreen() {
  return (
    <Page title="Not found" narrow>
      <EmptyState
        icon={<SearchIcon size={20} />}
        title="There is nothing here"
        action={
          <Button asChild>
            <Link to="/chat/{-$conversationId}">Go to the chat</Link>
          </Button>
        }
      >
        The address may be mistyped, or it belongs to somebody else. Both look the same on purpose.
      </EmptyState>
    </Page>
  );
}
