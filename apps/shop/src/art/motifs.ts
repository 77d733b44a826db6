/**
 * Line drawings of things, on a 200 × 200 sheet. `f` is the soft fill, the rest is stroke.
 *
 * Each is a few strokes of the actual object, so that a product is known at a glance without a photograph.
 */

/** Shapes of one drawing; they inherit stroke and width, and `class="f"` gives them the soft fill. */
export const MOTIFS = {
  headphones:
    '<path d="M44 116V98a56 56 0 0 1 112 0v18"/><path class="f" d="M38 112h16a8 8 0 0 1 8 8v30a8 8 0 0 1-8 8H46a14 14 0 0 1-14-14v-24a8 8 0 0 1 6-8ZM162 112h-16a8 8 0 0 0-8 8v30a8 8 0 0 0 8 8h8a14 14 0 0 0 14-14v-24a8 8 0 0 0-6-8Z"/><path d="M56 92a45 45 0 0 1 88 0"/>',
  headband:
    '<path d="M58 74C64 44 136 44 142 74"/><path d="M70 70c10-16 50-16 60 0"/><path d="M54 74v26M146 74v26"/><rect class="f" x="34" y="96" width="38" height="62" rx="19"/><rect class="f" x="128" y="96" width="38" height="62" rx="19"/><path d="M46 112v30M154 112v30"/><circle cx="154" cy="92" r="4"/>',
  mouse:
    '<path class="f" d="M66 92c0-32 14-48 40-48 30 0 42 20 42 54 0 40-16 62-44 62-34 0-38-30-38-68Z"/><path d="M106 44v42"/><rect x="99" y="60" width="14" height="26" rx="7"/><path d="M66 98c-12 4-16 16-12 32 4 12 10 16 16 14"/><path d="M60 116l8 4M59 126l9 3"/>',
  drive:
    '<rect class="f" x="58" y="36" width="84" height="116" rx="16"/><rect x="68" y="46" width="64" height="96" rx="9"/><path d="M84 64h32M84 76h20"/><path d="M100 152v12"/><rect x="92" y="162" width="16" height="12" rx="3"/><circle cx="120" cy="130" r="3"/>',
  ereader:
    '<rect class="f" x="52" y="28" width="96" height="144" rx="12"/><rect x="62" y="40" width="76" height="112" rx="3"/><path d="M74 60h52M74 74h52M74 88h40M74 102h52M74 116h46M74 130h28"/><circle cx="100" cy="162" r="3"/>',
  watch:
    '<path d="M80 62l4-34h32l4 34M80 138l4 34h32l4-34"/><rect class="f" x="64" y="60" width="72" height="80" rx="22"/><rect x="73" y="69" width="54" height="62" rx="15"/><path d="M136 88h6v14h-6"/><path d="M100 84v17l12 8"/>',
  powerbank:
    '<rect class="f" x="66" y="30" width="68" height="140" rx="14"/><rect x="80" y="48" width="40" height="28" rx="5"/><path d="M104 92l-14 22h20l-14 22"/><path d="M84 156h10M104 156h12"/>',
  camera:
    '<path class="f" d="M36 72h26l8-16h44l8 16h42v82H36Z"/><circle class="f" cx="98" cy="112" r="34"/><circle cx="98" cy="112" r="22"/><circle cx="98" cy="112" r="9"/><path d="M44 72V62h16v10M138 84h16"/>',
  speaker:
    '<rect class="f" x="32" y="70" width="136" height="66" rx="33"/><path d="M60 72v62M140 72v62"/><ellipse cx="46" cy="103" rx="7" ry="20"/><ellipse cx="154" cy="103" rx="7" ry="20"/><path d="M78 92h44M78 104h44M78 116h44"/><path d="M66 136l-6 12M134 136l6 12"/>',
  board:
    '<rect class="f" x="30" y="52" width="140" height="100" rx="10"/><rect x="76" y="84" width="36" height="36" rx="3"/><path d="M84 84V76M94 84V76M104 84V76M84 128v-8M94 128v-8M104 128v-8M76 94h-8M76 110h-8M120 94h-8M120 110h-8"/><rect x="142" y="78" width="34" height="24" rx="2"/><rect x="142" y="112" width="34" height="24" rx="2"/><path d="M42 62h80" stroke-dasharray="1 7"/><path d="M42 70h80" stroke-dasharray="1 7"/><rect x="44" y="138" width="18" height="14"/>',
  puffer:
    '<path class="f" d="M78 40l-26 12-22 70 22 10 12-34v66h72V98l12 34 22-10-22-70-26-12c-4 12-40 12-44 0Z"/><path d="M100 50v114"/><path d="M64 74c14 6 58 6 72 0M64 98c14 6 58 6 72 0M64 122c14 6 58 6 72 0M64 146c14 6 58 6 72 0"/><path d="M40 92l20 7M160 92l-20 7"/>',
  fleece:
    '<path class="f" d="M80 42l-28 12-20 68 21 9 11-31v62h72v-62l11 31 21-9-20-68-28-12Z"/><path d="M80 42c2-8 38-8 40 0l-4 18H84Z"/><path d="M100 60v50"/><path d="M112 84h16v16h-16Z"/><path d="M72 124l10 20M128 124l-10 20M64 152h72"/>',
  hoody:
    '<path class="f" d="M76 54l-26 10-20 64 21 9 13-32v60h72v-60l13 32 21-9-20-64-26-10Z"/><path class="f" d="M74 56c-2-30 14-36 26-36s28 6 26 36c-8 10-44 10-52 0Z"/><path d="M84 56c-2-18 6-22 16-22s18 4 16 22"/><path d="M100 64v101"/><path d="M74 128l14 24M126 128l-14 24"/>',
  down: '<path class="f" d="M80 40l-28 12-22 68 22 10 12-32v68h72V98l12 32 22-10-22-68-28-12c-6 8-34 8-40 0Z"/><path d="M64 66h72M64 80h72M64 94h72M64 108h72M64 122h72M64 136h72M64 150h72"/><path d="M100 46v120"/><rect x="148" y="146" width="24" height="30" rx="9"/>',
  sneaker:
    '<path class="f" d="M28 138c-2-22 0-42 4-58 10 10 22 10 32 0 14 24 36 36 72 40 24 3 36 10 36 28Z"/><path d="M26 148h148c0 10-6 14-14 14H38c-8 0-12-4-12-14Z"/><path d="M80 104l12-12M92 112l12-12M106 118l10-12"/><path d="M34 104c18 4 30 18 34 44"/><ellipse cx="56" cy="155" rx="18" ry="5"/>',
  runner:
    '<path class="f" d="M30 136c-4-26-2-44 6-62 10 14 24 16 36 6 10 22 34 36 64 40 22 4 34 10 34 22Z"/><path d="M24 142c30 8 110 8 150-2 2 14-4 22-16 22H42c-12 0-18-8-18-20Z"/><path d="M82 96l12-10M94 106l12-10M108 114l10-10"/><path d="M40 152c20-6 34-2 46 2s40 4 62-4"/>',
  jeans:
    '<path class="f" d="M62 30h76l10 142h-38l-10-92-10 92H52Z"/><path d="M61 46h78M100 46v34"/><path d="M64 46c2 14 10 20 22 20M136 46c-2 14-10 20-22 20"/><circle cx="100" cy="38" r="3"/><path d="M54 160h37M109 160h38"/>',
  pants:
    '<path class="f" d="M64 30h72l12 142h-36l-12-90-12 90H52Z"/><path d="M63 44h74M100 44v36"/><path d="M118 96h24v30h-22ZM82 96H58l-2 30h24ZM58 106h22M120 106h22"/><path d="M86 30v14M114 30v14"/>',
  vacuum:
    '<path d="M56 160L124 64"/><path class="f" d="M118 70l20-34 26 14-18 36Z"/><circle class="f" cx="124" cy="76" r="18"/><path d="M160 54c12 8 12 24 0 34l-16-6"/><path class="f" d="M28 164l10-18h36l8 18Z"/><path d="M28 164h54v8H28Z"/><path d="M90 176h30M96 166h12" stroke-dasharray="2 6"/>',
  pod: '<path class="f" d="M62 54c0-18 16-24 38-24s38 6 38 24v20H62Z"/><path d="M72 74h56v14H72Z"/><path class="f" d="M118 88h18v72h-18"/><path d="M60 160h82v12H60Z"/><path d="M84 88v8h16v-8"/><path d="M92 102v16" stroke-dasharray="3 5"/><path class="f" d="M74 126h36l-4 34H78Z"/><path d="M110 132c12 0 12 16-2 16"/>',
  bulb: '<path class="f" d="M100 30c-28 0-46 20-46 46 0 30 24 36 26 62h40c2-26 26-32 26-62 0-26-18-46-46-46Z"/><path d="M82 148h36M84 158h32M92 168h16"/><path d="M90 138V96l-10-10M110 138V96l10-10M90 96h20"/><path d="M100 10v8M40 34l6 6M160 34l-6 6M26 78h8M166 78h8"/>',
  robot:
    '<ellipse class="f" cx="96" cy="118" rx="64" ry="36"/><path d="M32 118v16c0 20 28 36 64 36s64-16 64-36v-16"/><ellipse cx="96" cy="112" rx="22" ry="11"/><path d="M40 142c14 10 98 10 112 0"/><path class="f" d="M138 84V42h34v90l-12-4"/><path d="M146 56h18"/>',
  pot: '<path class="f" d="M50 82h100v66c0 12-8 18-18 18H68c-10 0-18-6-18-18Z"/><path d="M44 82h112"/><path class="f" d="M54 82c2-22 20-30 46-30s44 8 46 30"/><path d="M88 52v-8h24v8M126 58v-10"/><path d="M50 98H36v14h14M150 98h14v14h-14"/><rect x="78" y="108" width="44" height="24" rx="4"/><circle cx="86" cy="148" r="3"/><circle cx="100" cy="148" r="3"/><circle cx="114" cy="148" r="3"/>',
  espresso:
    '<path class="f" d="M36 62h128v22H36Z"/><path class="f" d="M44 84h112v74H44Z"/><path d="M32 158h136v12H32Z"/><path d="M56 62l4-28h36l4 28Z"/><path d="M86 96h28v10H86ZM114 101h22"/><path d="M94 106v8M106 106v8"/><path class="f" d="M84 132h32v12c0 8-6 14-16 14s-16-6-16-14Z"/><path d="M116 136c10 0 10 12 0 12"/><circle cx="140" cy="73" r="5"/><path d="M148 92v36l-6 8"/>',
  blender:
    '<path class="f" d="M66 40h68l-10 82H76Z"/><path d="M60 40h80v-8H60Z"/><path d="M88 32v-8h24v8"/><path d="M134 54c20 0 18 40-5 44"/><path class="f" d="M72 122h56l10 46H62Z"/><circle cx="100" cy="146" r="10"/><path d="M100 146l5-7"/><path d="M86 112l14-8 14 8M100 104v10"/><path d="M82 60h14M84 76h12"/>',
  fan: '<ellipse class="f" cx="100" cy="74" rx="30" ry="52"/><ellipse cx="100" cy="74" rx="19" ry="40"/><path class="f" d="M78 126h44v40H78Z"/><path d="M70 166h60v8H70Z"/><path d="M84 136h32M84 144h32M84 152h32" stroke-dasharray="2 5"/><path d="M140 56c8 0 8 6 16 6M142 74c8 0 8 6 16 6M140 92c8 0 8 6 16 6"/>',
  mixer:
    '<path class="f" d="M40 56c0-14 12-20 30-20h74c16 0 22 8 22 18s-6 18-20 18H56c-10 0-16-6-16-16Z"/><path class="f" d="M128 72h26l4 84h-34Z"/><path d="M40 156h124v14H40Z"/><path d="M66 72v14M58 86h16"/><path class="f" d="M40 104h64c2 34-12 52-32 52s-34-18-32-52Z"/><path d="M66 86c-12 14-8 30 0 38 8-8 12-24 0-38Z"/><circle cx="146" cy="54" r="5"/>',
  mattress:
    '<path class="f" d="M24 102l50-34h102l-30 34Z"/><path class="f" d="M24 102h122v36H24Z"/><path class="f" d="M146 102l30-34v34l-30 36Z"/><path d="M24 114h122l30-34M24 126h122l30-34"/><path d="M30 138v12M140 138v12M170 104v10"/><path d="M78 76h34l-10 10H66Z"/>',
  gps: '<path d="M78 60l6-34h32l6 34M78 140l6 34h32l6-34"/><circle class="f" cx="100" cy="100" r="46"/><circle cx="100" cy="100" r="36"/><path d="M78 112l12-20 10 12 8-16 14 24"/><path d="M144 84h6M144 116h6M56 84h-6M54 100h-6M56 116h-6"/>',
  bottle:
    '<path class="f" d="M74 66c0-8 6-12 12-14h28c6 2 12 6 12 14v96c0 6-4 10-10 10H84c-6 0-10-4-10-10Z"/><path d="M84 40h32v12H84Z"/><path d="M88 40v-6c0-12 24-12 24 0v6"/><path d="M74 84h52M74 152h52"/><path d="M94 108c6-10 6-10 12 0a7 7 0 1 1-12 0Z"/>',
  nalgene:
    '<path class="f" d="M68 76c0-10 6-14 12-16h40c6 2 12 6 12 16v86c0 6-4 10-10 10H78c-6 0-10-4-10-10Z"/><path d="M76 36h48v24H76Z"/><path d="M86 36v24M96 36v24M106 36v24M116 36v24"/><path d="M124 44c14 0 18 8 16 24"/><path d="M108 92h16M114 106h10M108 120h16M114 134h10M108 148h16"/>',
  mat: '<path class="f" d="M50 92h112v60c0 12-8 18-18 18H32c12 0 18-8 18-18Z"/><circle class="f" cx="50" cy="92" r="26"/><circle cx="50" cy="92" r="17"/><circle cx="50" cy="92" r="8"/><path d="M50 66h94c12 0 18 10 18 26"/><path d="M76 118h66M76 138h66" stroke-dasharray="3 8"/>',
  massager:
    '<path class="f" d="M56 60c0-14 10-22 26-22h56c12 0 18 8 18 20s-6 20-18 20H96l-26 84-24-8 26-78c-10-2-16-8-16-16Z"/><path d="M156 50h10v16h-10"/><circle class="f" cx="178" cy="58" r="12"/><path d="M84 58h36M88 92l22-10"/><circle cx="70" cy="112" r="4"/>',
  cooler:
    '<path class="f" d="M36 92h128l-8 70c0 4-4 8-8 8H52c-4 0-8-4-8-8Z"/><path class="f" d="M36 92c0-16 10-26 24-26h80c14 0 24 10 24 26"/><path d="M70 66c0-36 60-36 60 0"/><path d="M36 92h128" stroke-dasharray="4 4"/><path d="M64 112v34M136 112v34M84 120h32v20H84Z"/>',
  backpack:
    '<path class="f" d="M62 70c0-26 14-40 38-40s38 14 38 40v90c0 6-4 10-10 10H72c-6 0-10-4-10-10Z"/><path d="M88 30c0-14 24-14 24 0"/><path d="M62 76h76M86 76v22h28V76"/><path class="f" d="M74 116h52v40H74Z"/><path d="M74 128h52M62 104c-14 2-18 12-18 28v20h18M138 104c14 2 18 12 18 28v20h-18"/>',
  band: '<path d="M84 48c0-18 4-24 16-24s16 6 16 24M84 152c0 18 4 24 16 24s16-6 16-24"/><rect class="f" x="78" y="46" width="44" height="108" rx="20"/><rect x="86" y="58" width="28" height="84" rx="12"/><path d="M92 100h4l4-12 4 22 4-10"/><path d="M94 126h12"/>',
  straps:
    '<path d="M100 22v28M88 22h24"/><path class="f" d="M92 50h16v20H92Z"/><path d="M94 70L60 140M106 70l34 70"/><path class="f" d="M42 140h36l-6 24H48ZM122 140h36l-6 24h-24Z"/><path d="M48 164h24M128 164h24" stroke-width="9"/><path d="M78 98l10 4M122 98l-10 4"/>',
  headlamp:
    '<path d="M30 92c10-50 130-50 140 0"/><path d="M30 108c10-36 130-36 140 0"/><path d="M30 92v16M170 92v16"/><rect class="f" x="66" y="84" width="68" height="56" rx="14"/><circle cx="94" cy="112" r="17"/><circle cx="94" cy="112" r="8"/><circle cx="122" cy="102" r="4"/><path d="M64 156l-10 18M94 154v22M124 156l10 18"/>',
  book: '<path class="f" d="M56 34h80c6 0 10 4 10 10v122H66c-8 0-12-5-12-12V36Z"/><path d="M54 154c0-8 4-12 12-12h80"/><path d="M68 34v108"/>',
} as const satisfies Readonly<Record<string, string>>;

export type Motif = keyof typeof MOTIFS;
