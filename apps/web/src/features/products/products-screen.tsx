/** The store: search, category, price and order, all in the address, so that a view can be shared and goes back. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { type ProductFilter, productsQuery } from "../../api/queries.ts";
import { number, parseDollars } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { SearchIcon } from "../../ui/icons.tsx";
import { Input, Select } from "../../ui/input.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { ProductGrid } from "./product-card.tsx";
import styles from "./products.module.css";

const route = getRouteApi("/shell/products");

const SORTS = [
  { value: "", label: "Best match" },
  { value: "price_asc", label: "Price, low to high" },
  { value: "price_desc", label: "Price, high to low" },
  { value: "rating", label: "Best rated" },
  { value: "newest", label: "Newest" },
];

/** A field that follows the address, and changes it a moment after the last key. */
function useDelayed(value: string, commit: (value: string) => void): [string, (value: string) => void] {
  const [text, setText] = useState(value);
  const [settled, setSettled] = useState(value);
  if (settled !== value) {
    setSettled(value);
    setText(value);
  }
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => commit(text), 250);
    return () => clearTimeout(timer);
    // `commit` is new on each render and always does the same.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [text, value]);
  return [text, setText];
}

const dollars = (cents: number | undefined) => (cents === undefined ? "" : String(cents / 100));

export function ProductsScreen() {
  const { search, category, min_price, max_price, sort } = route.useSearch();
  const navigate = useNavigate();
  const filter: ProductFilter = { search, category, min_price, max_price, sort };
  const query = useInfiniteQuery({ ...productsQuery(filter), placeholderData: keepPreviousData });
  const change = (next: ProductFilter) =>
    void navigate({ to: "/products", search: { ...filter, ...next }, replace: true, resetScroll: false });
  const [text, setText] = useDelayed(search ?? "", (value) => change({ search: value.trim() || undefined }));
  const [least, setLeast] = useDelayed(dollars(min_price), (value) =>
    change({ min_price: parseDollars(value) }),
  );
  const [most, setMost] = useDelayed(dollars(max_price), (value) =>
    change({ max_price: parseDollars(value) }),
  );
  const first = query.data?.pages[0];
  const products = query.data?.pages.flatMap((page) => page.products) ?? [];
  const filtered = Object.values(filter).some((value) => value !== undefined);
  const categories = (first?.categories ?? []).map((item) => ({ value: item.name, label: item.name }));
  if (category !== undefined && !categories.some((item) => item.value === category))
    categories.push({ value: category, label: category });
  return (
    <Page
      title="Store"
      lead={
        <span role="status">
          {first === undefined
            ? "Looking…"
            : `${number(first.total)} ${first.total === 1 ? "product" : "products"}`}
        </span>
      }
      actions={
        filtered && (
          <Button asChild variant="ghost" size="small">
            <Link to="/products">Clear the filters</Link>
          </Button>
        )
      }
    >
      <div className={styles["filters"]} role="search">
        <Input
          label="Search"
          type="search"
          icon={<SearchIcon />}
          placeholder="Name, brand or kind"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Select
          label="Category"
          value={category ?? ""}
          onChange={(event) => change({ category: event.target.value || undefined })}
          options={[{ value: "", label: "All" }, ...categories]}
        />
        <Input
          label="From $"
          inputMode="decimal"
          placeholder="0"
          value={least}
          onChange={(event) => setLeast(event.target.value)}
        />
        <Input
          label="Up to $"
          inputMode="decimal"
          placeholder="Any"
          value={most}
          onChange={(event) => setMost(event.target.value)}
        />
        <Select
          label="Sort"
          value={sort ?? ""}
          onChange={(event) => change({ sort: event.target.value || undefined })}
          options={SORTS}
        />
      </div>
      {query.isPending && (
        <Loading label="Loading products">
          <div className={styles["grid"]}>
            {["a", "b", "c", "d", "e", "f", "g", "h"].map((key) => (
              <Stack key={key} gap={2}>
                <Skeleton height={0} width="100%" />
                <Skeleton height={296} radius={16} />
              </Stack>
            ))}
          </div>
        </Loading>
      )}
      {query.isError && (
        <ErrorState
          error={query.error}
          title="The products could not be loaded"
          retry={() => void query.refetch()}
        />
      )}
      {query.isSuccess && products.length === 0 && (
        <EmptyState
          icon={<SearchIcon size={20} />}
          title="Nothing fits"
          action={
            <Button asChild variant="primary">
              <Link to="/products">Clear the filters</Link>
            </Button>
          }
        >
          No product matches all of these. Try a wider price or another word.
        </EmptyState>
      )}
      {products.length > 0 && <ProductGrid products={products} />}
      {query.hasNextPage && (
        <Row>
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show more
          </Button>
        </Row>
      )}
    </Page>
  );
}
