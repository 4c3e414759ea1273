// Imported before everything else, this sets the clock of a process wrong. Its timers are not affected.

const offset = Number(process.env['CLOCK_OFFSET_MS'] ?? 0)
const now = Date.now

globalThis.Date = new Proxy(Date, {
  construct: (date, values, newTarget) => Reflect.construct(date, values.length === 0 ? [now() + offset] : values, newTarget),
  get: (date, name) => name === 'now' ? () => now() + offset : Reflect.get(date, name)
})
