/** One order: what is in it, where it is, what it cost. */
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { ApiError } from "../../api/http.ts";
import { orderQuery } from "../../api/queries.ts";
import { date } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { Card, Facts } from "../../ui/card.tsx";
import { BackIcon, ChatIcon } from "../../ui/icons.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { NotFoundScreen } from "../../app/fallbacks.tsx";
import { Items, OrderStatus, PriceBreakdown, Timeline } from "./order-parts.tsx";
import { addressLines } from "./order-words.ts";
import styles from "./orders.module.css";

const route = getRouteApi("/shell/orders/$orderId");

function BackLink() {
  return (
    <Button asChild variant="ghost" size="small">
      <Link to="/orders">
        <BackIcon size={14} /> All orders
      </Link>
    </Button>
  );
}

export function OrderScreen() {
  const { orderId } = route.useParams();
  const query = useQuery(orderQuery(orderId));
  if (query.error instanceof ApiError && query.error.status === 404) return <NotFoundScreen />;
  if (query.isError) {
    return (
      <Page title="Order" back={<BackLink />}>
        <ErrorState
          error={query.error}
          title="This order could not be loaded"
          retry={() => void query.refetch()}
        />
      </Page>
    );
  }
  if (query.isPending) {
    return (
      <Page title="Order" back={<BackLink />}>
        <Loading label="Loading the order">
          <div className={styles["columns"]}>
            <Stack gap={4}>
              <Skeleton height={180} radius={16} />
              <Skeleton height={240} radius={16} />
            </Stack>
            <Stack gap={4}>
              <Skeleton height={176} radius={16} />
              <Skeleton height={144} radius={16} />
            </Stack>
          </div>
        </Loading>
      </Page>
    );
  }
  const order = query.data;
  const address = addressLines(order.shipping_address);
  return (
    <Page
      title={order.number}
      lead={
        <Row gap={3} wrap>
          <OrderStatus status={order.status} /> Ordered {date(order.date)}
        </Row>
      }
      back={<BackLink />}
      actions={
        <Row wrap>
          <Button asChild variant={order.can_cancel ? "secondary" : "primary"}>
            <Link
              to="/chat/{-$conversationId}"
              params={{ conversationId: undefined }}
              search={{ q: `Where is order ${order.number}?` }}
            >
              <ChatIcon /> Ask about it
            </Link>
          </Button>
          {order.can_cancel && (
            <Button asChild variant="danger">
              <Link
                to="/chat/{-$conversationId}"
                params={{ conversationId: undefined }}
                search={{ q: `Cancel order ${order.number}` }}
              >
                Cancel with an agent
              </Link>
            </Button>
          )}
        </Row>
      }
    >
      <div className={styles["columns"]}>
        <Stack gap={4}>
          <Card aria-labelledby="items">
            <Stack gap={4}>
              <Heading level={2} id="items">
                Items
              </Heading>
              <Items items={order.items} />
            </Stack>
          </Card>
          <Card aria-labelledby="timeline">
            <Stack gap={4}>
              <Heading level={2} id="timeline">
                Timeline
              </Heading>
              <Timeline entries={order.timeline} />
            </Stack>
          </Card>
        </Stack>
        <Stack gap={4}>
          <Card aria-labelledby="price">
            <Stack gap={4}>
              <Heading level={2} id="price">
                Price
              </Heading>
              <PriceBreakdown order={order} />
            </Stack>
          </Card>
          <Card aria-labelledby="delivery">
            <Stack gap={4}>
              <Heading level={2} id="delivery">
                Delivery
              </Heading>
              <Facts
                items={[
                  [
                    "To",
                    address.length === 0 ? undefined : (
                      <span key="address" dir="auto">
                        {address.map((line) => (
                          <Text key={line} as="div">
                            {line}
                          </Text>
                        ))}
                      </span>
                    ),
                  ],
                  ["Carrier", order.carrier],
                  [
                    "Tracking",
                    order.tracking === undefined ? undefined : (
                      <Text key="tracking" as="span" mono>
                        {order.tracking}
                      </Text>
                    ),
                  ],
                ]}
              />
            </Stack>
          </Card>
        </Stack>
      </div>
    </Page>
  );
}
