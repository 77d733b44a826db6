/**
 * The map of the page. Each screen is loaded when it is first needed (or hovered), its data starts to load at
 * the same moment, and the frame never waits for either.
 */
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import {
  type ProductFilter,
  approvalsQuery,
  backgroundQuery,
  casesQuery,
  conversationsQuery,
  devicesQuery,
  mandatesQuery,
  memoriesQuery,
  orderQuery,
  ordersQuery,
  productQuery,
  productsQuery,
  sessionQuery,
  usageQuery,
} from "../api/queries.ts";
import { safeReturnPath } from "../lib/return-path.ts";
import { ErrorScreen, NotFoundScreen, PendingScreen, RootError, RootNotFound } from "./fallbacks.tsx";
import { Shell } from "./shell.tsx";

const text = (value: unknown, max = 200): string | undefined =>
  typeof value === "string" && value !== "" ? value.slice(0, max) : undefined;
const cents = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;

const root = createRootRouteWithContext<{ client: QueryClient }>()({
  errorComponent: RootError,
  notFoundComponent: RootNotFound,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "sign-in",
  validateSearch: (search: Record<string, unknown>): { return?: string | undefined } => ({
    return: text(search["return"], 2000),
  }),
  beforeLoad: async ({ context, search }) => {
    const session = await context.client.ensureQueryData(sessionQuery);
    if (session.user !== null) throw redirect({ href: safeReturnPath(search.return) });
  },
  component: lazyRouteComponent(() => import("../features/auth/sign-in.tsx"), "SignInScreen"),
});

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  // Any screen can show a receipt beside it; the address says which, so it can be shared and reloaded.
  validateSearch: (search: Record<string, unknown>): { receipt?: string | undefined } => ({
    receipt: text(search["receipt"]),
  }),
  beforeLoad: async ({ context, location }) => {
    const session = await context.client.ensureQueryData(sessionQuery);
    if (session.user === null) throw redirect({ to: "/sign-in", search: { return: location.href } });
    return { user: session.user };
  },
  loader: ({ context }) => {
    void context.client.prefetchQuery(approvalsQuery);
    if (context.user.role === "admin") void context.client.prefetchQuery(casesQuery);
  },
  component: Shell,
  errorComponent: RootError,
});

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/chat/{-$conversationId}", replace: true });
  },
});

const chat = createRoute({
  getParentRoute: () => shell,
  path: "chat/{-$conversationId}",
  // Text from an address only fills the composer; sending takes a press [SR-08].
  validateSearch: (search: Record<string, unknown>): { q?: string | undefined } => ({
    q: text(search["q"], 8000),
  }),
  loader: ({ context, params }) => {
    void context.client.prefetchInfiniteQuery(conversationsQuery);
    // An empty chat suggests something about the person's own orders.
    if (params.conversationId === undefined)
      void context.client.prefetchInfiniteQuery(ordersQuery(undefined));
  },
  component: lazyRouteComponent(() => import("../features/chat/chat-screen.tsx"), "ChatScreen"),
});

const products = createRoute({
  getParentRoute: () => shell,
  path: "products",
  validateSearch: (search: Record<string, unknown>): ProductFilter => ({
    search: text(search["search"]),
    category: text(search["category"]),
    min_price: cents(search["min_price"]),
    max_price: cents(search["max_price"]),
    sort: text(search["sort"]),
  }),
  loaderDeps: ({ search: { search, category, min_price, max_price, sort } }) => ({
    search,
    category,
    min_price,
    max_price,
    sort,
  }),
  loader: ({ context, deps }) => void context.client.prefetchInfiniteQuery(productsQuery(deps)),
  component: lazyRouteComponent(() => import("../features/products/products-screen.tsx"), "ProductsScreen"),
});

const product = createRoute({
  getParentRoute: () => shell,
  path: "products/$productId",
  loader: ({ context, params }) => void context.client.prefetchQuery(productQuery(params.productId)),
  component: lazyRouteComponent(() => import("../features/products/product-screen.tsx"), "ProductScreen"),
});

const orders = createRoute({
  getParentRoute: () => shell,
  path: "orders",
  validateSearch: (search: Record<string, unknown>): { status?: string | undefined } => ({
    status: text(search["status"]),
  }),
  loaderDeps: ({ search: { status } }) => ({ status }),
  loader: ({ context, deps }) => void context.client.prefetchInfiniteQuery(ordersQuery(deps.status)),
  component: lazyRouteComponent(() => import("../features/orders/orders-screen.tsx"), "OrdersScreen"),
});

const order = createRoute({
  getParentRoute: () => shell,
  path: "orders/$orderId",
  loader: ({ context, params }) => void context.client.prefetchQuery(orderQuery(params.orderId)),
  component: lazyRouteComponent(() => import("../features/orders/order-screen.tsx"), "OrderScreen"),
});

const approvals = createRoute({
  getParentRoute: () => shell,
  path: "approvals",
  validateSearch: (search: Record<string, unknown>): { view?: "decided" | undefined } => ({
    view: search["view"] === "decided" ? "decided" : undefined,
  }),
  component: lazyRouteComponent(
    () => import("../features/approvals/approvals-screen.tsx"),
    "ApprovalsScreen",
  ),
});

const cases = createRoute({
  getParentRoute: () => shell,
  path: "cases",
  loader: ({ context }) => void context.client.prefetchQuery(casesQuery),
  component: lazyRouteComponent(() => import("../features/cases/cases-screen.tsx"), "CasesScreen"),
});

const devices = createRoute({
  getParentRoute: () => shell,
  path: "devices",
  loader: ({ context }) => void context.client.prefetchQuery(devicesQuery),
  component: lazyRouteComponent(() => import("../features/devices/devices-screen.tsx"), "DevicesScreen"),
});

const background = createRoute({
  getParentRoute: () => shell,
  path: "background",
  loader: ({ context }) => {
    void context.client.prefetchQuery(backgroundQuery);
    void context.client.prefetchQuery(mandatesQuery);
  },
  component: lazyRouteComponent(
    () => import("../features/background/background-screen.tsx"),
    "BackgroundScreen",
  ),
});

const memory = createRoute({
  getParentRoute: () => shell,
  path: "memory",
  loader: ({ context }) => {
    void context.client.prefetchInfiniteQuery(memoriesQuery);
    void context.client.prefetchQuery(usageQuery);
  },
  component: lazyRouteComponent(() => import("../features/memory/memory-screen.tsx"), "MemoryScreen"),
});

const routeTree = root.addChildren([
  signIn,
  shell.addChildren([
    home,
    chat,
    products,
    product,
    orders,
    order,
    approvals,
    cases,
    devices,
    background,
    memory,
  ]),
]);

export function createAppRouter(client: QueryClient) {
  return createRouter({
    routeTree,
    context: { client },
    defaultPreload: "intent",
    defaultPreloadDelay: 40,
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 150,
    defaultPendingMinMs: 0,
    defaultPendingComponent: PendingScreen,
    defaultErrorComponent: ErrorScreen,
    defaultNotFoundComponent: NotFoundScreen,
    scrollRestoration: true,
  });
}
