/** The page's drawings: one stroke weight on a 20-unit grid, decorative unless a component labels them. */
import type { ReactNode } from "react";

function icon(paths: ReactNode) {
  return function Icon({ size = 16 }: { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 20 20"
        fill="none"
        stroke="currentColor"
        strokeWidth={1.6}
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {paths}
      </svg>
    );
  };
}

export const AlertIcon = icon(<path d="M10 3 2.5 16.5h15zM10 8v4m0 2.2v.1" />);
export const ArrowUpIcon = icon(<path d="M10 16V4m-5 5 5-5 5 5" />);
export const BackIcon = icon(<path d="m12 4-6 6 6 6" />);
export const BoxIcon = icon(<path d="m10 2.5 7 3.5v8l-7 3.5L3 14V6zM3 6l7 3.5L17 6m-7 3.5v8" />);
export const BriefcaseIcon = icon(<path d="M3 7h14v9.5H3zM7.5 7V4h5v3M3 11h14" />);
export const ChatIcon = icon(<path d="M3 4h14v10H9l-4 3.5V14H3z" />);
export const CheckIcon = icon(<path d="m4 10.5 4 4 8-9" />);
export const ChevronDownIcon = icon(<path d="m5 7.5 5 5 5-5" />);
export const ChevronRightIcon = icon(<path d="m7.5 5 5 5-5 5" />);
export const ClockIcon = icon(<path d="M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15M10 6v4.2l2.8 1.6" />);
export const CloseIcon = icon(<path d="m5 5 10 10M15 5 5 15" />);
export const CopyIcon = icon(<path d="M7 7h9v9.5H7zM4 13V3.5h9" />);
export const DeviceIcon = icon(<path d="M3 4h14v9H3zM7 16.5h6M10 13v3.5" />);
export const DotsIcon = icon(<path d="M4.5 10h.1m5.4 0h.1m5.4 0h.1" strokeWidth={2.6} />);
export const EditIcon = icon(<path d="m4 13.5-.8 3.3 3.3-.8L16.5 6 14 3.5zM12 5.5 14.5 8" />);
export const InfoIcon = icon(<path d="M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15M10 9v4.5m0-7.1v.1" />);
export const LockIcon = icon(<path d="M4.5 9h11v8h-11zM7 9V6.5a3 3 0 0 1 6 0V9" />);
export const MenuIcon = icon(<path d="M3 5.5h14M3 10h14M3 14.5h14" />);
export const MonitorIcon = icon(<path d="M3 4h14v9H3zM7 16.5h6" />);
export const MoonIcon = icon(<path d="M16.5 11.5A7 7 0 0 1 8.500 3.500a7 7 0 1 0 8 8z" />);
export const PlusIcon = icon(<path d="M10 4v12M4 10h12" />);
export const ReceiptIcon = icon(
  <path d="M5 2.500h10v15l-2.500-1.500-2.500 1.500L7.500 16 5 17.500zM8 6.500h4M8 10h4" />,
);
export const SearchIcon = icon(<path d="M9 3.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11M13 13l4 4" />);
export const ShieldIcon = icon(
  <path d="m10 2.500 6.500 2.300v4.700c0 4-2.700 6.700-6.500 8-3.800-1.300-6.500-4-6.500-8V4.800zM7 10l2.200 2.200L13.200 8" />,
);
export const SignOutIcon = icon(<path d="M8 3H4v14h4M8.500 10H17m-3-3.500 3.500 3.500L14 13.500" />);
export const SparkIcon = icon(
  <path d="M10 2.500 11.800 8l5.700 2-5.700 2L10 17.500 8.200 12l-5.700-2 5.700-2z" />,
);
export const StarIcon = icon(
  <path
    d="m10 3 2.200 4.600 5 .6-3.700 3.500 1 5-4.500-2.500-4.500 2.500 1-5L2.800 8.200l5-.6z"
    fill="currentColor"
    strokeWidth={1}
  />,
);
export const StopIcon = icon(<path d="M6 6h8v8H6z" fill="currentColor" />);
export const StoreIcon = icon(
  <path d="M3.500 8.500V17h13V8.500M2.500 8 4 3h12l1.500 5a2.500 2.500 0 0 1-5 0 2.500 2.500 0 0 1-5 0 2.500 2.500 0 0 1-5 0zM8 17v-4.500h4V17" />,
);
export const SunIcon = icon(
  <path d="M10 6.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7M10 1.800v1.500m0 13.400v1.500M1.800 10h1.500m13.400 0h1.500M4.200 4.200l1 1m9.600 9.600 1 1m0-11.600-1 1M5.200 14.800l-1 1" />,
);
export const TrashIcon = icon(
  <path d="M3.500 5.500h13M8 5.500V3h4v2.500M5 5.500 6 17h8l1-11.500M8.500 9v4.500m3-4.500v4.500" />,
);
export const UserIcon = icon(
  <path d="M10 3a3.200 3.200 0 1 1 0 6.400A3.200 3.200 0 0 1 10 3M3.500 17c.6-3.400 3.200-5 6.500-5s5.900 1.600 6.500 5" />,
);
export const XCircleIcon = icon(
  <path d="M10 2.500a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15M7.500 7.500l5 5m0-5-5 5" />,
);

/** The sign of the product: a deputy's star with a clear middle. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" fill="var(--accent)" />
      <path
        d="m16 6.500 3 6.500 6.800.700-5.100 4.600 1.500 6.800-6.200-3.500-6.200 3.500 1.500-6.800-5.100-4.600 6.800-.700z"
        fill="none"
        stroke="var(--accent-ink)"
        strokeWidth="2"
        strokeLinejoin="round"
      />
      <circle cx="16" cy="16.200" r="2.200" fill="var(--accent-ink)" />
    </svg>
  );
}
