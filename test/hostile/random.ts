import { randomBytes } from 'node:crypto'
import { runRandomly } from './random-run.ts'

// npm run test:hostile [-- --requests=20000 --seed=abc]
const argument = (name: string) => process.argv.find((text) => text.startsWith(`--${name}=`))?.slice(name.length + 3)
const seed = argument('seed') ?? randomBytes(6).toString('hex')
const requests = Number(argument('requests') ?? 20_000)

console.log(`Seed ${seed}, ${requests} requests.`)
const started = Date.now()
const { statuses, violations } = await runRandomly(seed, requests)
console.log(`Responses by status: ${JSON.stringify(statuses)}, after ${((Date.now() - started) / 1000).toFixed(1)} s.`)
for (const violation of violations) console.error(violation)
process.exitCode = violations.length > 0 ? 1 : 0
