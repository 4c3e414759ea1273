import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createClient } from './client.ts'
import { startCluster } from './cluster.ts'
import { exitOnSignal } from './exit-on-signal.ts'
import { startLoad } from './load.ts'
import { seededRandom } from './random.ts'
import { startRecorder } from './recorder.ts'
import { reachVerdict } from './verdict.ts'

// Measures the memory of one node under a steady load. Exits with 1 if it grows.

exitOnSignal()

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })

const MiB = 2 ** 20
// A heap varies by this much from one collection to the next.
const tolerance = 3 * MiB

const logFolder = await mkdtemp(join(tmpdir(), 'scim-token-soak-'))
const recorder = startRecorder()
const cluster = await startCluster({ size: 1, logFolder, recorder })
const load = startLoad(cluster.nodes, createClient(recorder), seededRandom('soak'))

const heaps: number[] = []
for (let minute = 0; minute <= Number(values.minutes); minute++) {
  if (minute > 0) await delay(60_000)
  const { rss, heapUsed, external } = await cluster.nodes[0]!.memory()
  const inMiB = [rss, heapUsed, external].map((bytes) => (bytes / MiB).toFixed(1).padStart(6))
  console.log(`${String(minute).padStart(3)} min, ${String(recorder.operations.length).padStart(7)} requests: RSS ${inMiB[0]} MiB, heap ${inMiB[1]} MiB, external ${inMiB[2]} MiB`)
  heaps.push(heapUsed)
}

await load.stop()
const { violations } = await reachVerdict(cluster, recorder, logFolder)
await cluster.remove()
await rm(logFolder, { recursive: true })

// The first minute fills caches and compiles.
const growth = heaps.at(-1)! - (heaps[1] ?? heaps[0]!)
console.log(`the heap grew by ${(growth / MiB).toFixed(2)} MiB after the first minute; ${violations.length} violations`)
for (const violation of violations.slice(0, 20)) console.log(`VIOLATION ${violation}`)
process.exitCode = growth > tolerance || violations.length > 0 ? 1 : 0
