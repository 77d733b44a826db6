/** Ten products of electronics. */
import type { SeedProduct } from "./product.ts";

const category = "Electronics";

export const electronics: readonly SeedProduct[] = [
  {
    name: "Sony WH-1000XM5",
    brand: "Sony",
    category,
    price: 29999,
    listPrice: 34999,
    motif: "headphones",
    description:
      "Over-ear wireless headphones that hush a train carriage. Eight microphones steer the noise cancelling, thirty hours of battery cover the week, and two devices stay paired at once.",
    specs: {
      Type: "Over-ear, closed back",
      "Noise cancelling": "Adaptive, 8 microphones",
      Battery: "30 h, 3 h from a 3-minute charge",
      Weight: "250 g",
      Connection: "Bluetooth 5.2, 3.5 mm",
    },
    keywords: "headset cans earphones anc audio music travel",
  },
  {
    name: "AirPods Max",
    brand: "Apple",
    category,
    price: 44999,
    listPrice: 54900,
    motif: "headband",
    description:
      "Over-ear headphones in aluminium and knit mesh. Spatial audio follows your head, transparency mode lets a conversation in, and the crown sets the volume by feel.",
    specs: {
      Type: "Over-ear, closed back",
      "Noise cancelling": "Active, with transparency mode",
      Battery: "20 h",
      Weight: "385 g",
      Connection: "Bluetooth 5.0, USB-C",
    },
    keywords: "headset cans earphones anc audio music apple spatial",
  },
  {
    name: "Logitech MX Master 3S",
    brand: "Logitech",
    category,
    price: 9999,
    listPrice: 12999,
    motif: "mouse",
    description:
      "A wireless mouse shaped for long days. Quiet clicks, a wheel that spins a thousand lines in a second, a thumb wheel for wide tables, and a sensor that works on glass.",
    specs: {
      Sensor: "8,000 dpi, works on glass",
      Buttons: "7",
      Battery: "70 days, USB-C",
      Connection: "Bluetooth LE or receiver, 3 devices",
      Weight: "141 g",
    },
    keywords: "computer mice office ergonomic desk pointer",
  },
  {
    name: "Samsung T7 Shield SSD 2TB",
    brand: "Samsung",
    category,
    price: 8999,
    listPrice: 10999,
    motif: "drive",
    description:
      "A pocket drive in a rubber coat. Two terabytes at about 1,050 MB/s over USB-C, sealed against rain and dust, and able to survive a three-metre fall.",
    specs: {
      Capacity: "2 TB",
      Speed: "1,050 MB/s read, 1,000 MB/s write",
      Interface: "USB 3.2 Gen 2, USB-C",
      Protection: "IP65, 3 m drop, AES-256",
      Weight: "98 g",
    },
    keywords: "storage hard disk backup portable external",
  },
  {
    name: "Kindle Paperwhite Signature",
    brand: "Amazon",
    category,
    price: 18999,
    motif: "ereader",
    description:
      "A seven-inch e-reader with a screen like paper and a warm light that dims by itself. Waterproof, weeks on one charge, and room for a few thousand books.",
    specs: {
      Display: '7" e-ink, 300 ppi',
      Storage: "32 GB",
      Battery: "Up to 12 weeks, wireless charging",
      Protection: "IPX8",
      Weight: "214 g",
    },
    keywords: "ebook reading tablet eink reader",
  },
  {
    name: "Apple Watch Series 10",
    brand: "Apple",
    category,
    price: 39999,
    motif: "watch",
    description:
      "A thin smartwatch with a wide-angle display that reads well from the side. Tracks sleep, heart rhythm and swims, and charges to eighty percent in half an hour.",
    specs: {
      Case: "46 mm aluminium",
      Display: "Wide-angle OLED, always on",
      Battery: "18 h, 80% in 30 min",
      Protection: "50 m water resistance",
      Sensors: "ECG, heart rate, temperature, depth",
    },
    keywords: "smartwatch wearable fitness tracker wrist",
  },
  {
    name: "Anker 737 Power Bank",
    brand: "Anker",
    category,
    price: 10999,
    motif: "powerbank",
    description:
      "Enough charge for a laptop and a phone on one long flight. 140 W in and out over USB-C, with a small display that tells you how long is left.",
    specs: {
      Capacity: "24,000 mAh, 86.4 Wh",
      Output: "140 W USB-C, 3 ports",
      Recharge: "Full in 1 h",
      Display: "Colour, time and watts",
      Weight: "630 g",
    },
    keywords: "portable battery charger travel powerbank usb",
  },
  {
    name: "Sony Alpha a6700",
    brand: "Sony",
    category,
    price: 139999,
    motif: "camera",
    description:
      "A compact mirrorless camera for people who also film. A 26-megapixel APS-C sensor, autofocus that knows birds from cyclists, stabilised body, and 4K at 120 frames.",
    specs: {
      Sensor: "26 MP APS-C",
      Autofocus: "759 points, subject recognition",
      Video: "4K 120p, 10 bit",
      Stabilisation: "5 axis in body",
      Weight: "493 g with battery",
    },
    keywords: "photography mirrorless photo video body",
  },
  {
    name: "JBL Charge 5",
    brand: "JBL",
    category,
    price: 13999,
    listPrice: 17995,
    motif: "speaker",
    description:
      "A speaker the size of a thermos that fills a garden. Twenty hours of music, waterproof and dustproof, and it charges your phone from its own battery.",
    specs: {
      Type: "Portable Bluetooth speaker",
      Power: "40 W",
      Battery: "20 h, with USB power out",
      Protection: "IP67",
      Weight: "960 g",
    },
    keywords: "audio music loudspeaker boombox bluetooth party",
  },
  {
    name: "Raspberry Pi 5 8GB",
    brand: "Raspberry Pi",
    category,
    price: 7999,
    motif: "board",
    description:
      "A whole computer on a board smaller than a postcard. Four cores at 2.4 GHz, eight gigabytes of memory, two 4K displays, and forty pins to wire the world to.",
    specs: {
      Processor: "4 × Cortex-A76, 2.4 GHz",
      Memory: "8 GB LPDDR4X",
      Video: "2 × micro HDMI, 4K 60",
      Network: "Gigabit, Wi-Fi 5, Bluetooth 5",
      Expansion: "40 pins, PCIe 2.0",
    },
    keywords: "single board computer maker electronics project linux",
  },
];
