/** The icons: one path each, drawn in the colour of the text. */

const PATH = {
  bars: 'M3 13V9M6.3 13V4M9.7 13V6.5M13 13V3',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.4 10.4 14 14',
  down: 'M4 6l4 4 4-4',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  right: 'M6 3.5 10.5 8 6 12.5',
  x: 'M4 4l8 8M12 4l-8 8',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  copy: 'M5.5 5.5h7.5v8H5.5zM3 10.5v-8h7.5',
  link: 'M6.5 9.5l3-3M7 4.8l1.6-1.6a3 3 0 0 1 4.2 4.2L11.2 9M9 11.2l-1.6 1.6a3 3 0 0 1-4.2-4.2L4.8 7',
  cols: 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  clock: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 5v3.2l2 1.3',
  play: 'M5 3.5v9l7.5-4.5z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  star: 'M8 2.3l1.7 3.6 3.9.5-2.9 2.7.8 3.9L8 11.1 4.5 13l.8-3.9L2.4 6.4l3.9-.5z',
  help: 'M6 6.2a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.3M8 11.8v.1',
  out: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.4 10.4 14 14M5 7h4',
  save: 'M8 2.5v7M5 6.8 8 9.8l3-3M3 13h10',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  wrap: 'M2.5 4h11M2.5 8h8.5a2 2 0 0 1 0 4H8.5M2.5 12h3M10 10.2 8.3 12l1.7 1.8',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  view: 'M2.5 4.5h6M11.5 4.5h2M2.5 11.5h2M7.5 11.5h6M10 3v3M6 10v3',
  lines: 'M2.5 3.5h6M2.5 8h11M2.5 12.5h8',
  check: 'M3.5 8.5 6.5 11.5 12.5 4.5',
  warn: 'M8 2.5 14 13.5H2zM8 6.5v3.3M8 11.7v.1',
  user: 'M8 3a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5zM3 13.5c.4-2.5 2.4-3.7 5-3.7s4.6 1.2 5 3.7',
} as const;

export type IconName = keyof typeof PATH;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="i" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATH[name]} />
    </svg>
  );
}
