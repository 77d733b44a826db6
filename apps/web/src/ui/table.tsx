/** Rows and columns with a name that screen readers hear; it scrolls sideways inside its own frame. */
import type { ReactNode } from "react";
import styles from "./table.module.css";

export interface Column {
  name: string;
  align?: "end";
}

export interface TableRow {
  key: string;
  cells: readonly ReactNode[];
  tone?: "warn" | undefined;
}

export function Table({
  caption,
  columns,
  rows,
}: {
  caption: string;
  columns: readonly Column[];
  rows: readonly TableRow[];
}) {
  return (
    <div className={styles["frame"]} role="region" aria-label={caption} tabIndex={0}>
      <table role="table" className={styles["table"]}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th role="columnheader" key={column.name} scope="col" data-align={column.align}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr role="row" key={row.key} data-tone={row.tone}>
              {row.cells.map((cell, index) => (
                <td role="cell" key={columns[index]?.name ?? index} data-align={columns[index]?.align}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
