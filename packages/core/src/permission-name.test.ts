import { describe, expect, it } from "vitest";
import { permissionScope } from "./permission-name.ts";

describe("the name of a permission", () => {
  it("is a scope, or short for one", () => {
    expect(permissionScope("read_weather")).toBe("read:weather:*");
    expect(permissionScope("read_weather_alerts")).toBe("read:weather_alerts:*");
    expect(permissionScope("cancel:orders:42")).toBe("cancel:orders:42");
  });

  it.each([
    "read weather",
    "weather",
    "*:weather:*",
    "read:*:x",
    "read:weather:a b",
    "admin:keys:*",
    "admin_keys",
    "app:agents:*",
    `read:${"x".repeat(200)}:*`,
    "",
  ])("%j is refused", (name) => {
    expect(() => permissionScope(name)).toThrow(expect.objectContaining({ code: "invalid_scope" }));
  });
});
