// Imported before all else, this sets the clock of a process off. Its timers run as ever.

const offset = Number(process.env['CLOCK_OFFSET_MS'] ?? 0)
const now = Date.now

globalThis.Date = new Proxy(Date, {
  construct: (date, values, newTarget) => Reflect.construct(date, values.length === 0 ? [now() + offset] : values, newTarget),
  get: (date, name) => name === 'now' ? () => now() + offset : Reflect.get(date, name)
})
