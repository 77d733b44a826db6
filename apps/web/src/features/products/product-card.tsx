/** A product at a glance. */
import { Link } from "@tanstack/react-router";
import type { Product } from "../../api/types.ts";
import { money, number } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Card } from "../../ui/card.tsx";
import { cx } from "../../ui/cx.ts";
import { StarIcon } from "../../ui/icons.tsx";
import { Row } from "../../ui/layout.tsx";
import { Hidden, Text } from "../../ui/text.tsx";
import { Picture } from "./picture.tsx";
import styles from "./products.module.css";

export function Rating({ rating, reviews }: { rating: number; reviews: number }) {
  return (
    <Row gap={1}>
      <span className={styles["star"]}>
        <StarIcon size={14} />
      </span>
      <Text as="span" size="sm">
        {rating.toFixed(1)}
        <Hidden> of 5 stars</Hidden>
      </Text>
      <Text as="span" size="sm" tone="soft">
        ({number(reviews)})<Hidden> reviews</Hidden>
      </Text>
    </Row>
  );
}

export function Price({ product, size = "md" }: { product: Product; size?: "md" | "xl" }) {
  const reduced = product.original_price !== undefined && product.original_price > product.price;
  return (
    <Row gap={2} align="baseline" wrap>
      <Text as="span" size={size} strong>
        {money(product.price)}
      </Text>
      {reduced && (
        <Text as="span" size="sm" tone="soft" struck>
          <Hidden>before: </Hidden>
          {money(product.original_price)}
        </Text>
      )}
    </Row>
  );
}

function ProductCard({ product }: { product: Product }) {
  return (
    <Card pad={false} asLink className={styles["product"] ?? ""} data-testid="product-card">
      <Link to="/products/$productId" params={{ productId: product.id }}>
        <div className={styles["picture"]}>
          <Picture src={product.image_url} name={product.name} />
          {product.on_sale && (
            <span className={styles["sale"]}>
              <Badge tone="accent">Sale</Badge>
            </span>
          )}
        </div>
        <div className={styles["body"]}>
          <Text as="div" size="xs" tone="soft">
            {product.brand}
          </Text>
          <Text as="div" strong className={styles["name"] ?? ""}>
            {product.name}
          </Text>
          <Rating rating={product.rating} reviews={product.review_count} />
          <div className={styles["foot"]}>
            <Price product={product} />
          </div>
        </div>
      </Link>
    </Card>
  );
}

export function ProductGrid({ products, dense }: { products: readonly Product[]; dense?: boolean }) {
  return (
    <div className={cx(styles["grid"], dense && styles["dense"])} data-testid="products">
      {products.map((product) => (
        <ProductCard key={product.id} product={product} />
      ))}
    </div>
  );
}
