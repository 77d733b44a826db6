/** One product: what it is, what it costs, where it is in stock. */
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { ApiError } from "../../api/http.ts";
import { productQuery } from "../../api/queries.ts";
import { NotFoundScreen } from "../../app/fallbacks.tsx";
import { number, words } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Card, Facts } from "../../ui/card.tsx";
import { BackIcon, ChatIcon } from "../../ui/icons.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { Picture } from "./picture.tsx";
import { Price, Rating } from "./product-card.tsx";
import styles from "./products.module.css";

const route = getRouteApi("/shell/products/$productId");

function BackLink() {
  return (
    <Button asChild variant="ghost" size="small">
      <Link to="/products">
        <BackIcon size={14} /> Store
      </Link>
    </Button>
  );
}

export function ProductScreen() {
  const { productId } = route.useParams();
  const query = useQuery(productQuery(productId));
  if (query.error instanceof ApiError && query.error.status === 404) return <NotFoundScreen />;
  if (query.isError) {
    return (
      <Page title="Product" back={<BackLink />}>
        <ErrorState
          error={query.error}
          title="This product could not be loaded"
          retry={() => void query.refetch()}
        />
      </Page>
    );
  }
  if (query.isPending) {
    return (
      <Page title="Product" back={<BackLink />}>
        <Loading label="Loading the product">
          <div className={styles["columns"]}>
            <Skeleton height={400} radius={16} />
            <Stack gap={4}>
              <Skeleton width="50%" height={28} />
              <Skeleton height={64} />
              <Skeleton height={200} radius={16} />
            </Stack>
          </div>
        </Loading>
      </Page>
    );
  }
  const product = query.data;
  const total = product.stock.reduce((sum, item) => sum + item.quantity, 0);
  return (
    <Page title={product.name} lead={`${product.brand} · ${product.category}`} back={<BackLink />}>
      <div className={styles["columns"]}>
        <div className={styles["gallery"]}>
          <div className={styles["picture"]}>
            <Picture src={product.image_url} name={product.name} eager />
          </div>
        </div>
        <Stack gap={4}>
          <Row gap={4} wrap>
            <Price product={product} size="xl" />
            {product.on_sale && <Badge tone="accent">Sale</Badge>}
            <Badge tone={total === 0 ? "bad" : total < 10 ? "warn" : "ok"}>
              {total === 0 ? "Out of stock" : total < 10 ? `Only ${number(total)} left` : "In stock"}
            </Badge>
          </Row>
          <Rating rating={product.rating} reviews={product.review_count} />
          <Text size="lg" dir="auto">
            {product.description}
          </Text>
          <Row>
            <Button asChild variant="primary">
              <Link
                to="/chat/{-$conversationId}"
                params={{ conversationId: undefined }}
                search={{ q: `Tell me about the ${product.name}` }}
              >
                <ChatIcon /> Ask an agent about it
              </Link>
            </Button>
          </Row>
          <Card aria-labelledby="specs">
            <Stack gap={3}>
              <Heading level={2} id="specs">
                Details
              </Heading>
              <Facts
                items={Object.entries(product.specs).map(
                  ([name, value]) =>
                    [words(name), typeof value === "object" ? JSON.stringify(value) : String(value)] as const,
                )}
              />
            </Stack>
          </Card>
          <Card aria-labelledby="stock">
            <Stack gap={3}>
              <Heading level={2} id="stock">
                Where it is
              </Heading>
              <Facts
                items={product.stock.map(
                  (item) => [item.warehouse, item.quantity === 0 ? "None" : number(item.quantity)] as const,
                )}
              />
            </Stack>
          </Card>
        </Stack>
      </div>
    </Page>
  );
}
