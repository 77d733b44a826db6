/**
 * What `deputize build` writes: an image of a project, and two ways to run it.
 *
 * Guarantees: the base image is pinned; the process is not root, its files are read only but for `data/`, and it holds no capability;
 * secrets come at the start and are in no layer; the health check asks `/ready`; production's rules count.
 */
import { toYaml } from "./to-yaml.ts";

/** The Node that this command is tested with. */
export const NODE_IMAGE = "node:24.21.0-bookworm-slim";
/** The folder of the command's own copy, within the project. */
export const COPY_FOLDER = ".deputize";
const PORT = 8000;
const NODE_USER = 1000;

export interface ImageOptions {
  readonly name: string;
  readonly version: string;
  /** The project has packages of its own, and a lock for them. */
  readonly locked: boolean;
}

/** By their paths within the project. */
export function imageFiles(options: ImageOptions): Readonly<Record<string, string>> {
  return {
    Dockerfile: dockerfile(options),
    ".dockerignore": IGNORED,
    "compose.yaml": `# docker compose up --build; PUBLIC_URL and secrets stand in .env\n${toYaml(compose(options))}`,
    "k8s.yaml": kubernetes(options),
  };
}

/** Nothing that is secret or made by running goes into an image. */
const IGNORED = `.git
.env
.env.*
*.pem
*.key
node_modules
data
tests
dev
Dockerfile
compose.yaml
k8s.yaml
`;

const READY = `fetch("http://127.0.0.1:${PORT}/ready").then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;

function dockerfile({ locked }: ImageOptions): string {
  const own = `
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
`;
  return `# Made by \`deputize build\`. To pin the base by its digest: --build-arg NODE_IMAGE=node@sha256:…
ARG NODE_IMAGE=${NODE_IMAGE}

# The copy of deputize that made this file, with third-party packages by its lock.
FROM \${NODE_IMAGE} AS deputize
WORKDIR /opt/deputize
COPY ${COPY_FOLDER}/ ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
${locked ? own.replace(NODE_IMAGE, "${NODE_IMAGE}") : ""}
FROM \${NODE_IMAGE}
ENV NODE_ENV=production MODE=production DEPUTIZE_DATA=/app/data
COPY --from=deputize /opt/deputize /opt/deputize
WORKDIR /app
${locked ? "COPY --from=packages /app/node_modules ./node_modules\n" : ""}COPY . .
RUN rm -rf ${COPY_FOLDER} && mkdir -p data && chown node:node data
USER node
VOLUME /app/data
EXPOSE ${PORT}
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \\
  CMD ["node", "-e", ${JSON.stringify(READY)}]
STOPSIGNAL SIGTERM
CMD ["node", "/opt/deputize/packages/deputize/bin/deputize.mjs", "start", "/app", "--host", "0.0.0.0", "--port", "${PORT}"]
`;
}

function compose({ name, version }: ImageOptions) {
  return {
    services: {
      agents: {
        build: ".",
        image: `${name}:${version}`,
        env_file: [".env"],
        environment: {
          PUBLIC_URL: "${PUBLIC_URL:?write PUBLIC_URL=https://… into .env, the address that people use}",
        },
        // A proxy of yours ends TLS in front of it.
        ports: [`127.0.0.1:${PORT}:${PORT}`],
        volumes: ["data:/app/data"],
        read_only: true,
        tmpfs: ["/tmp"],
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        stop_grace_period: "15s",
        restart: "unless-stopped",
      },
    },
    volumes: { data: {} },
  };
}

function kubernetes({ name, version }: ImageOptions): string {
  const labels = { app: name };
  // Probes come by the pod's address; the server answers to names that it knows.
  const probe = (path: string) => ({
    httpGet: { path, port: PORT, httpHeaders: [{ name: "Host", value: `localhost:${PORT}` }] },
    periodSeconds: 10,
    timeoutSeconds: 3,
  });
  const documents = [
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: `${name}-data`, labels },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, labels },
      spec: {
        // One, while threads are in a file; more with `database` and `redis`.
        replicas: 1,
        strategy: { type: "Recreate" },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            automountServiceAccountToken: false,
            terminationGracePeriodSeconds: 15,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: NODE_USER,
              runAsGroup: NODE_USER,
              fsGroup: NODE_USER,
              seccompProfile: { type: "RuntimeDefault" },
            },
            containers: [
              {
                name: "agents",
                image: `${name}:${version}`,
                ports: [{ containerPort: PORT }],
                // kubectl create secret generic NAME-env --from-env-file=.env; PUBLIC_URL is in it.
                envFrom: [{ secretRef: { name: `${name}-env` } }],
                readinessProbe: probe("/ready"),
                livenessProbe: probe("/health"),
                startupProbe: { ...probe("/health"), failureThreshold: 12 },
                resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ["ALL"] },
                },
                volumeMounts: [
                  { name: "data", mountPath: "/app/data" },
                  { name: "tmp", mountPath: "/tmp" },
                ],
              },
            ],
            volumes: [
              { name: "data", persistentVolumeClaim: { claimName: `${name}-data` } },
              { name: "tmp", emptyDir: {} },
            ],
          },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, labels },
      spec: { selector: labels, ports: [{ port: 80, targetPort: PORT }] },
    },
  ] as const;
  const note = `# kubectl create secret generic ${name}-env --from-env-file=.env   (with PUBLIC_URL, the https address that people use)\n`;
  return note + documents.map(toYaml).join("---\n");
}
