/** An order, or a list of them, inside an answer. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { OrderDetail, OrderSummary } from "../../api/types.ts";
import { date, money, number } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { Card, Divider, Facts } from "../../ui/card.tsx";
import { Row, Stack } from "../../ui/layout.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { Items, OrderRow, OrderStatus, Timeline } from "./order-parts.tsx";
import styles from "./orders.module.css";

export function OrderCard({ order }: { order: OrderDetail }) {
  return (
    <Card aria-label={`Order ${order.number}`} data-testid="order-card" data-number={order.number}>
      <Stack gap={4}>
        <Row justify="between" wrap>
          <Heading level={2} size="lg">
            {order.number}
          </Heading>
          <OrderStatus status={order.status} />
        </Row>
        <Facts
          items={[
            ["Ordered", date(order.date)],
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
        <Divider />
        <Items items={order.items} />
        {order.timeline.length > 0 && (
          <>
            <Divider />
            <Timeline entries={order.timeline.toSorted((a, b) => b.date.localeCompare(a.date)).slice(0, 3)} />
          </>
        )}
        <Divider />
        <Row justify="between" wrap>
          <Text size="lg" strong>
            {money(order.total)}
          </Text>
          <Button asChild size="small">
            <Link to="/orders/$orderId" params={{ orderId: order.id }}>
              Open the order
            </Link>
          </Button>
        </Row>
      </Stack>
    </Card>
  );
}

/** How many rows an answer shows until the person asks for all. */
const SHOWN = 6;

export function OrderListCard({ orders }: { orders: readonly OrderSummary[] }) {
  const [all, setAll] = useState(false);
  if (orders.length === 0) return null;
  return (
    <Card pad={false} aria-label={`${orders.length} orders`} data-testid="orders-card">
      {(all ? orders : orders.slice(0, SHOWN)).map((order) => (
        <OrderRow key={order.id} order={order} />
      ))}
      {orders.length > SHOWN && !all && (
        <div className={styles["more"]}>
          <Button variant="ghost" size="small" onClick={() => setAll(true)}>
            Show all {number(orders.length)}
          </Button>
        </div>
      )}
    </Card>
  );
}
