// Runs before the first paint, so that a chosen theme does not flash. A file of its own because the page
// allows no inline script. Absent or unknown values follow the system.
try {
  const theme = localStorage.getItem("deputize.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be switched off; the system's theme is used.
}
