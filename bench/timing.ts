/**
 * Does the time that it takes to reject a wrong token depend on how much of the token is right?
 *
 * Wrong tokens, with the right checksum, share their first n characters with a target. They are
 * verified without a network, closer than an attacker gets: once while the target is the right token,
 * and once while a stranger is. Effects of similar tokens on caches and branch prediction cancel out
 * in the difference. The slope of a line through the differences is the cost of one more right
 * character. Zero must lie within the confidence interval of that cost. For a hook that also compares
 * character by character it must not, or there was too much noise to tell.
 *
 * The time right after the right token was verified is reported without a verdict: the branch
 * prediction of a processor that has just read one token is faster through a similar one.
 */
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import scimToken, { type VerifyScimToken } from '../lib/index.ts'
import { generateToken, hashToken } from '../lib/token.ts'
import { alphabet, withChecksum } from '../test/helpers/tokens.ts'
import { shuffled } from './statistics.ts'

// All tokens share the first five characters, and two that share 48 are the same token.
const shared = [5, 15, 30, 40, 47]
const warmUpRounds = 50
const rounds = 1200
const callsPerRound = 32
// The slower ones are due to garbage collection and other processes.
const callsKept = 16
// 99.9 % of the normal distribution.
const quantile = 3.29

/** Mean nanoseconds, a row for each round and a column for each n. */
type Times = number[][]

/** The times by which token is right. */
type Arms = Record<'target' | 'stranger', Times>

// Stack traces would be the greater part of the time, and of the noise.
Error.stackTraceLimit = 0

const target = generateToken()
const stranger = generateToken()
const records = new Map([target, stranger].map((token) => [token, { hash: hashToken(token), createdAt: new Date() }]))
let right = target

const app = Fastify()
app.decorate('scimAuthResolver', { authenticate: () => null, authorize: () => false })
app.decorate('scimTokenStore', { replace: () => false, find: () => records.get(right) ?? null })
await app.register(scimToken)

let charactersSeen = 0
const leakingHook: VerifyScimToken = async (request, reply) => {
  const sent = request.headers.authorization ?? ''
  for (let i = 0; i < right.length && sent[i + 'Bearer '.length] === right[i]; i++) charactersSeen++
  await app.verifyScimToken(request, reply)
}

const wrong = shared.flatMap((n, column) =>
  Array.from({ length: callsPerRound }, (_, i) => ({ column, authorization: `Bearer ${wrongToken(n, i)}` })))
const ours: Arms = { target: [], stranger: [] }
const leaking: Arms = { target: [], stranger: [] }
const primed: Arms = { target: [], stranger: [] }
app.get('/', async (request, reply) => {
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    for (const arm of ['target', 'stranger'] as const) {
      right = arm === 'target' ? target : stranger
      ours[arm].push(await measureRound(app.verifyScimToken, request, reply))
      leaking[arm].push(await measureRound(leakingHook, request, reply))
      primed[arm].push(await measureRound(app.verifyScimToken, request, reply, true))
    }
  }
  return charactersSeen
})
await app.inject('/')

const cost = report('This package', ours)
const leak = report('A hook that leaks', leaking)
report('This package, right after the right token', primed)
if (leak.low <= 0) throw new Error('There was too much noise to tell.')
if (cost.low > 0 || cost.high < 0) throw new Error('The time depends on how much of the token is right.')
console.log('\nThe time does not depend on how much of the token is right.')

async function measureRound (hook: VerifyScimToken, request: FastifyRequest, reply: FastifyReply, primed = false): Promise<number[]> {
  const times: number[][] = shared.map(() => [])
  for (const { column, authorization } of shuffled(wrong, Math.random)) {
    if (primed) {
      request.headers.authorization = `Bearer ${right}`
      await hook(request, reply)
    }
    request.headers.authorization = authorization
    const start = performance.now()
    await hook(request, reply).catch(() => {})
    times[column]?.push((performance.now() - start) * 1e6)
  }
  return times.map((ofColumn) => mean(ofColumn.sort((a, b) => a - b).slice(0, callsKept)))
}

function report (name: string, times: Arms): { low: number, high: number } {
  const totals = times.target.slice(warmUpRounds)
  const strangers = times.stranger.slice(warmUpRounds)
  const differences = totals.map((row, i) => row.map((time, column) => time - (strangers[i]?.[column] ?? NaN)))
  console.log(`\n${name}: ns to reject a token with n right characters, and the part of it that is due to them`)
  for (const [column, n] of shared.entries()) {
    const [total, due] = [totals, differences].map((rows) => format(estimate(rows.map((row) => row[column] ?? NaN))))
    console.log(`  n = ${String(n).padStart(2)}: ${total}, ${due}`)
  }
  const { mean, error } = estimate(differences.map(slope))
  const [low, high] = [mean - quantile * error, mean + quantile * error]
  console.log(`  one more right character costs ${low.toFixed(2)} to ${high.toFixed(2)} ns (99.9 %)`)
  return { low, high }
}

/** Creates one of many tokens that share exactly the first n characters with the target. */
function wrongToken (n: number, i: number): string {
  const others = [...alphabet].filter((character) => character !== target[n])
  return withChecksum(target.slice(0, n) + others[i] + generateToken().slice(n + 1, 48))
}

/** Returns the slope of the least-squares line. */
function slope (row: number[]): number {
  const middle = mean(shared)
  const squares = shared.reduce((sum, n) => sum + (n - middle) ** 2, 0)
  return row.reduce((sum, time, column) => sum + time * ((shared[column] ?? NaN) - middle), 0) / squares
}

/** Returns the mean and its standard error. */
function estimate (values: number[]): { mean: number, error: number } {
  const middle = mean(values)
  const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1)
  return { mean: middle, error: Math.sqrt(variance / values.length) }
}

function format ({ mean, error }: { mean: number, error: number }): string {
  return `${mean.toFixed(1)} ± ${error.toFixed(1)}`
}

function mean (values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
