/** The pieces of an order that the page and the chat's card share. */
import { Link } from "@tanstack/react-router";
import type { OrderDetail, OrderSummary } from "../../api/types.ts";
import { date, dateTime, money, number } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { ChevronRightIcon } from "../../ui/icons.tsx";
import { Text } from "../../ui/text.tsx";
import { statusTone, statusWords } from "./order-words.ts";
import styles from "./orders.module.css";

export function OrderStatus({ status }: { status: string }) {
  return <Badge tone={statusTone(status)}>{statusWords(status)}</Badge>;
}

/** A row of a list of orders; on a phone it becomes two lines. */
export function OrderRow({ order }: { order: OrderSummary }) {
  return (
    <Link
      to="/orders/$orderId"
      params={{ orderId: order.id }}
      className={styles["row"]}
      data-testid="order-row"
    >
      <Text as="span" strong clip>
        {order.number}
      </Text>
      <span>
        <OrderStatus status={order.status} />
      </span>
      <Text as="span" size="sm" tone="soft" clip>
        {date(order.date)} · {number(order.item_count)} {order.item_count === 1 ? "item" : "items"}
      </Text>
      <Text as="span" strong className={styles["amount"]}>
        {money(order.total)}
      </Text>
      <span className={styles["chevron"]}>
        <ChevronRightIcon />
      </span>
    </Link>
  );
}

export function Timeline({ entries }: { entries: OrderDetail["timeline"] }) {
  const newest = entries.toSorted((a, b) => b.date.localeCompare(a.date));
  return (
    <ol className={styles["timeline"]} aria-label="Timeline">
      {newest.map((entry, index) => (
        <li
          key={`${entry.status}-${entry.date}`}
          className={styles["event"]}
          data-latest={index === 0 || undefined}
        >
          <span className={styles["dot"]} />
          <div>
            <Text as="div" strong>
              {statusWords(entry.status)}
            </Text>
            <Text as="div" size="sm" tone="soft">
              {dateTime(entry.date)}
              {entry.location !== undefined && ` · ${entry.location}`}
            </Text>
            {entry.notes !== undefined && (
              <Text as="div" size="sm">
                {entry.notes}
              </Text>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}

export function Items({ items }: { items: OrderDetail["items"] }) {
  return (
    <ul>
      {items.map((item) => (
        <li key={item.product_id} className={styles["item"]}>
          <Text as="div">
            <Link to="/products/$productId" params={{ productId: item.product_id }}>
              {item.name}
            </Link>
            {item.quantity > 1 && (
              <Text as="span" size="sm" tone="soft">
                {" "}
                × {number(item.quantity)}
              </Text>
            )}
          </Text>
          <Text as="div">{money(item.unit_price * item.quantity)}</Text>
        </li>
      ))}
    </ul>
  );
}

/** The price as the shop computed it; nothing is added up here. */
export function PriceBreakdown({ order }: { order: OrderDetail }) {
  return (
    <dl className={styles["sum"]}>
      <Text as="dt" tone="soft">
        Subtotal
      </Text>
      <dd>{money(order.subtotal)}</dd>
      {order.discount > 0 && (
        <>
          <Text as="dt" tone="soft">
            Discount
          </Text>
          <Text as="dd" tone="ok">
            −{money(order.discount)}
          </Text>
        </>
      )}
      <Text as="dt" tone="soft">
        Shipping
      </Text>
      <dd>{order.shipping === 0 ? "Free" : money(order.shipping)}</dd>
      <div className={styles["total"]}>
        <Text as="dt" strong>
          Total
        </Text>
        <Text as="dd" strong>
          {money(order.total)}
        </Text>
      </div>
    </dl>
  );
}
