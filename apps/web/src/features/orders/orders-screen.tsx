/** The person's orders, by status. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { ordersQuery } from "../../api/queries.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { BoxIcon } from "../../ui/icons.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { EXACT, Tab, Tabs } from "../../ui/tabs.tsx";
import { OrderRow } from "./order-parts.tsx";
import { ORDER_STATUSES, statusWords } from "./order-words.ts";

const route = getRouteApi("/shell/orders");

export function OrdersScreen() {
  const { status } = route.useSearch();
  const query = useInfiniteQuery(ordersQuery(status));
  const orders = query.data?.pages.flatMap((page) => page.orders) ?? [];
  return (
    <Page title="Orders">
      <Tabs label="Orders by status">
        <Tab current={status === undefined}>
          <Link to="/orders" activeOptions={EXACT} search={{}}>
            All
          </Link>
        </Tab>
        {ORDER_STATUSES.map((name) => (
          <Tab key={name} current={status === name}>
            <Link to="/orders" activeOptions={EXACT} search={{ status: name }}>
              {statusWords(name)}
            </Link>
          </Tab>
        ))}
      </Tabs>
      {query.isPending && (
        <Loading label="Loading orders">
          <Card>
            <Stack gap={6}>
              {["a", "b", "c", "d", "e", "f"].map((row) => (
                <Row key={row} justify="between" gap={4}>
                  <Skeleton width="34%" height={20} />
                  <Skeleton width="20%" height={20} />
                  <Skeleton width={72} height={20} />
                </Row>
              ))}
            </Stack>
          </Card>
        </Loading>
      )}
      {query.isError && (
        <ErrorState
          error={query.error}
          title="Your orders could not be loaded"
          retry={() => void query.refetch()}
        />
      )}
      {query.isSuccess && orders.length === 0 && (
        <EmptyState
          icon={<BoxIcon size={20} />}
          title={status === undefined ? "No orders yet" : `No order is ${statusWords(status).toLowerCase()}`}
          action={
            <Button asChild variant="primary">
              {status === undefined ? (
                <Link to="/products">Look around the store</Link>
              ) : (
                <Link to="/orders">Show all orders</Link>
              )}
            </Button>
          }
        >
          {status === undefined ? "What you order is listed here, with its way to you." : undefined}
        </EmptyState>
      )}
      {orders.length > 0 && (
        <Card pad={false} aria-label="Orders">
          {orders.map((order) => (
            <OrderRow key={order.id} order={order} />
          ))}
        </Card>
      )}
      {query.hasNextPage && (
        <Row justify="between">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show more
          </Button>
        </Row>
      )}
    </Page>
  );
}
