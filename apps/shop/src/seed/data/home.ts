/** Ten products for the home. */
import type { SeedProduct } from "./product.ts";

const category = "Home";

export const home: readonly SeedProduct[] = [
  {
    name: "Dyson V15 Detect",
    brand: "Dyson",
    category,
    price: 64999,
    listPrice: 74999,
    motif: "vacuum",
    description:
      "A cordless vacuum cleaner with a green light that shows the dust. It counts what it picks up, presses harder where the floor needs it, and runs for an hour.",
    specs: {
      Type: "Cordless stick",
      Runtime: "60 min",
      Suction: "240 air watts",
      Filter: "Whole machine, 0.3 µm",
      Weight: "3.1 kg",
    },
    keywords: "hoover cleaning floor carpet stick cleaner",
  },
  {
    name: "Nespresso Vertuo Next",
    brand: "Nespresso",
    category,
    price: 15999,
    listPrice: 19900,
    motif: "pod",
    description:
      "A slim capsule coffee machine. It reads a code on the pod, spins it for the right crema, and makes five sizes from espresso to a full mug.",
    specs: {
      Sizes: "5, from 40 to 535 ml",
      Tank: "1.1 l",
      "Heat up": "30 s",
      Width: "14 cm",
      Material: "54% recycled plastic",
    },
    keywords: "espresso coffeemaker kitchen capsule maker",
  },
  {
    name: "Philips Hue Starter Kit",
    brand: "Philips",
    category,
    price: 12999,
    listPrice: 19999,
    motif: "bulb",
    description:
      "Three colour bulbs, a bridge and a dimmer: smart light that still works from the wall. Sixteen million colours, schedules, and scenes for a film or a slow morning.",
    specs: {
      Bulbs: "3 × E26, 1,100 lm",
      Colours: "16 million, 2,000–6,500 K",
      Bridge: "Included, up to 50 lights",
      Works: "Matter, HomeKit, Alexa, Google",
      Life: "25,000 h",
    },
    keywords: "lamp lighting smart home led lights",
  },
  {
    name: "Roomba j9+",
    brand: "iRobot",
    category,
    price: 59999,
    listPrice: 79999,
    motif: "robot",
    description:
      "A robot vacuum cleaner that empties itself. It learns which rooms get dirty, steers round socks and cables, and keeps two months of dust in its base.",
    specs: {
      Type: "Robot, self emptying",
      Navigation: "Camera, object avoidance",
      Base: "60 days of dust",
      Runtime: "120 min",
      Height: "8.7 cm",
    },
    keywords: "hoover cleaning floor carpet robotic cleaner",
  },
  {
    name: "Instant Pot Duo Plus",
    brand: "Instant Pot",
    category,
    price: 8999,
    listPrice: 11999,
    motif: "pot",
    description:
      "Nine kitchen machines in one pot: pressure cooker, slow cooker, rice, yoghurt, steam and more. A quiet valve, and a display that says what it is doing.",
    specs: {
      Capacity: "6 qt",
      Programs: "15",
      Power: "1,000 W",
      Inner: "Stainless steel, dishwasher safe",
      Safety: "10 mechanisms",
    },
    keywords: "pressure cooker kitchen multicooker cooking rice",
  },
  {
    name: "Breville Barista Express",
    brand: "Breville",
    category,
    price: 59995,
    listPrice: 69995,
    motif: "espresso",
    description:
      "An espresso machine with its own grinder. Beans to cup in under a minute, a steam wand for proper milk, and a dial to learn by.",
    specs: {
      Grinder: "Conical burr, 16 steps",
      Pressure: "15 bar pump, 9 bar extraction",
      Tank: "2 l",
      Basket: "54 mm",
      Power: "1,850 W",
    },
    keywords: "coffee coffeemaker kitchen maker cappuccino latte",
  },
  {
    name: "Vitamix E310",
    brand: "Vitamix",
    category,
    price: 34995,
    motif: "blender",
    description:
      "A blender that turns nuts to butter and vegetables to hot soup. Ten speeds, hardened blades, and a motor built for ten years of mornings.",
    specs: {
      Container: "48 oz",
      Speeds: "10 and pulse",
      Motor: "2 HP",
      Blades: "Stainless steel, 3 in",
      Warranty: "5 years",
    },
    keywords: "smoothie mixer kitchen soup juicer",
  },
  {
    name: "Dyson Pure Cool TP07",
    brand: "Dyson",
    category,
    price: 41999,
    listPrice: 56999,
    motif: "fan",
    description:
      "An air purifier and a fan in one tower. It catches pollen, smoke and formaldehyde, shows what it found, and sends a cool breeze without blades.",
    specs: {
      Filter: "HEPA H13 and carbon",
      Airflow: "290 l/s",
      Oscillation: "350°",
      Sensors: "PM2.5, PM10, VOC, NO2",
      Height: "105 cm",
    },
    keywords: "air cleaner cooling allergy hepa tower",
  },
  {
    name: "KitchenAid Artisan",
    brand: "KitchenAid",
    category,
    price: 37999,
    listPrice: 44999,
    motif: "mixer",
    description:
      "The tilt-head stand mixer that stays on the counter. A five-quart bowl, ten speeds, and a hub for pasta, mince and spirals.",
    specs: {
      Bowl: "5 qt stainless steel",
      Speeds: "10",
      Power: "325 W",
      Includes: "Whisk, flat beater, dough hook",
      Weight: "11.8 kg",
    },
    keywords: "baking kitchen dough cake bread machine",
  },
  {
    name: "Casper Original Queen",
    brand: "Casper",
    category,
    price: 99500,
    listPrice: 129500,
    motif: "mattress",
    description:
      "A queen mattress in a box. Three zones of foam, softer at the shoulder and firmer at the hip, with a cover that lets heat out. A hundred nights to decide.",
    specs: {
      Size: "Queen, 60 × 80 in",
      Height: "11 in",
      Layers: "3 foam, zoned",
      Firmness: "Medium firm",
      Trial: "100 nights",
    },
    keywords: "bed sleep bedroom foam",
  },
];
