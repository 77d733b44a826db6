/** Ten products of clothing. */
import type { SeedProduct } from "./product.ts";

const category = "Clothing";

export const clothing: readonly SeedProduct[] = [
  {
    name: "North Face Thermoball Eco Jacket",
    brand: "The North Face",
    category,
    price: 17999,
    listPrice: 23000,
    motif: "puffer",
    description:
      "A quilted jacket that keeps its warmth when it gets damp. Recycled synthetic fill in small clusters, packs into its own pocket, light enough to forget.",
    specs: {
      Insulation: "Thermoball, recycled polyester",
      Shell: "Recycled nylon, water repellent",
      Fit: "Regular",
      Weight: "430 g",
      Care: "Machine wash cold",
    },
    keywords: "coat winter warm insulated cold evenings outerwear puffer",
  },
  {
    name: "Patagonia Better Sweater",
    brand: "Patagonia",
    category,
    price: 13900,
    motif: "fleece",
    description:
      "A zipped fleece that looks like knitwear. Made of recycled polyester dyed with little water, smooth inside, tidy enough for the office and warm enough for the ridge.",
    specs: {
      Fabric: "100% recycled polyester fleece",
      Fit: "Slim",
      Pockets: "2 zipped, 1 chest",
      Certification: "Fair Trade sewn",
      Care: "Machine wash cold",
    },
    keywords: "jumper cardigan jacket warm layer pullover",
  },
  {
    name: "Nike Air Max 270",
    brand: "Nike",
    category,
    price: 12999,
    listPrice: 16000,
    motif: "sneaker",
    description:
      "Everyday trainers on a tall air unit. A stretchy knit upper hugs the foot, and the big heel bubble softens pavements all day.",
    specs: {
      Upper: "Knit and synthetic",
      Cushioning: "270° Air unit, 32 mm",
      Closure: "Laces",
      Use: "Everyday",
      Weight: "309 g (size 9)",
    },
    keywords: "shoes sneakers footwear casual trainers",
  },
  {
    name: "Levi's 501",
    brand: "Levi's",
    category,
    price: 6950,
    motif: "jeans",
    description:
      "The straight-leg jeans with the button fly. Rigid denim that starts stiff and ends up yours, cut to sit at the waist.",
    specs: {
      Fabric: "100% cotton denim, 12.5 oz",
      Fit: "Straight",
      Rise: "Mid, sits at waist",
      Fly: "Buttons",
      Care: "Wash inside out, cold",
    },
    keywords: "pants trousers denim blue jean",
  },
  {
    name: "Allbirds Wool Runners",
    brand: "Allbirds",
    category,
    price: 9800,
    motif: "runner",
    description:
      "Soft merino shoes for walking about. They breathe in summer, warm in winter, go through the washing machine, and pack flat in a weekend bag.",
    specs: {
      Upper: "ZQ merino wool",
      Sole: "Sugarcane foam",
      Laces: "Recycled polyester",
      Use: "Walking, travel",
      Care: "Machine wash gentle",
    },
    keywords: "shoes sneakers footwear trainers comfortable",
  },
  {
    name: "Arc'teryx Atom LT Hoody",
    brand: "Arc'teryx",
    category,
    price: 25900,
    motif: "hoody",
    description:
      "A hooded mid layer that breathes under the arms. Wear it alone on a cold start or under a shell on the way up; it dries before lunch.",
    specs: {
      Insulation: "Coreloft Compact 60",
      Shell: "Tyono 20, wind resistant",
      Sides: "Stretch fleece panels",
      Fit: "Trim",
      Weight: "375 g",
    },
    keywords: "jacket coat hoodie insulated warm outerwear climbing",
  },
  {
    name: "Uniqlo Ultra Light Down",
    brand: "Uniqlo",
    category,
    price: 5990,
    listPrice: 7990,
    motif: "down",
    description:
      "A down jacket that weighs about as much as a magazine. Fits under a coat, folds into a pouch, and stops a draught on the platform.",
    specs: {
      Insulation: "90% down, 750+ fill power",
      Shell: "Nylon ripstop",
      Packs: "Pouch included",
      Fit: "Regular",
      Weight: "240 g",
    },
    keywords: "coat puffer warm winter packable outerwear",
  },
  {
    name: "Adidas Ultraboost 24",
    brand: "Adidas",
    category,
    price: 18999,
    motif: "sneaker",
    description:
      "Running shoes that give back on every step. A knit upper with a firm heel, a bouncy midsole, and a rubber sole that grips on wet roads.",
    specs: {
      Upper: "Primeknit",
      Midsole: "Light Boost",
      Drop: "10 mm",
      Use: "Road running",
      Weight: "298 g (size 9)",
    },
    keywords: "shoes sneakers footwear trainers jogging marathon",
  },
  {
    name: "Columbia Silver Ridge Pants",
    brand: "Columbia",
    category,
    price: 5500,
    listPrice: 6500,
    motif: "pants",
    description:
      "Trekking pants for hot trails. Thin ripstop that dries fast and blocks the sun, roomy pockets, and a little stretch at the waist.",
    specs: {
      Fabric: "Nylon ripstop",
      "Sun protection": "UPF 50",
      Fit: "Regular, gusseted",
      Pockets: "6",
      Care: "Machine wash",
    },
    keywords: "trousers hiking cargo outdoor travel",
  },
  {
    name: "Hoka Clifton 9",
    brand: "Hoka",
    category,
    price: 14500,
    motif: "runner",
    description:
      "A light running shoe with a deep cushion. The rocker sole rolls you forward, so that easy miles stay easy and standing all day does too.",
    specs: {
      Upper: "Engineered knit",
      Stack: "32 mm heel, 27 mm forefoot",
      Drop: "5 mm",
      Use: "Road running, walking",
      Weight: "248 g (size 9)",
    },
    keywords: "shoes sneakers footwear trainers jogging cushioned",
  },
];
