// Prints the CPU time of the steps that the plugin is made of, in microseconds: node primitives.js
import { generateToken, hashToken, isToken, matchesHash } from '../dist/token.js'

const token = generateToken()
const expected = hashToken(token)
const nothing = () => {}
const resolved = async () => expected

const steps = {
  'format and checksum of a token': () => isToken(token),
  'hash of a token, compared in constant time': () => matchesHash(token, expected),
  'a generated token': () => generateToken(),
  'hash of a token': () => hashToken(token),
  'a timer, set and cleared': () => clearTimeout(setTimeout(nothing, 10_000)),
  'await of a promise': () => resolved()
}

const calls = 20_000
const windows = 15
const times = Object.fromEntries(Object.keys(steps).map((name) => [name, []]))
for (let window = 0; window < windows; window++) {
  for (const [name, step] of Object.entries(steps)) times[name].push(await microseconds(step))
}
console.log(JSON.stringify(times))

async function microseconds (step) {
  const before = process.cpuUsage()
  if (step() instanceof Promise) {
    for (let i = 0; i < calls; i++) await step()
  } else {
    for (let i = 0; i < calls; i++) step()
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}
