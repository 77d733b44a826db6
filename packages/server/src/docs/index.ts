/** docs: `/docs` and `/openapi.json` from a table of routes. */
export { DOCS_ROUTES, docsRoutes } from "./docs-routes.ts";
export { type DocumentInfo, openapiDocument } from "./openapi.ts";
export type { PageOptions } from "./page.ts";
