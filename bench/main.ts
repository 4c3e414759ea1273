import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/helpers/postgres.ts'
import { leaveMeasuredCore } from './measure.ts'
import { measureAll, table, type Rows } from './results.ts'
import { seededRandom } from './statistics.ts'

const { values: { quick, rounds, seed } } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' }
  }
})

const nodes = quick ? [process.execPath] : ['20.19.0', '24'].map(installNode)
const columns = new Map<string, Rows>(nodes.map((node) => [versionOf(node), new Map()]))
const postgres = await startPostgres()
leaveMeasuredCore()
try {
  const random = seededRandom(Number(seed))
  for (let round = 1; round <= (quick ? 1 : Number(rounds)); round++) {
    for (const node of nodes) {
      const version = versionOf(node)
      await measureAll(columns.get(version)!, { node, postgresUrl: postgres.url, random, share: quick ? 0.5 : 1 }, (title) => {
        console.error(`round ${round}, Node.js ${version}: ${title}`)
      })
    }
  }
} finally {
  await postgres.stop()
}

const text = `${describeRun()}\n\n${table(columns)}`
console.log(text)
if (!quick) {
  const readme = new URL('README.md', import.meta.url)
  writeFileSync(readme, readFileSync(readme, 'utf8').replace(/(?<=<!-- results -->\n)[^]*?(?=<!-- end of results -->)/, () => `\n${text}\n\n`))
}

/** Returns the path of a version of Node.js, which npm has in a package. */
function installNode (version: string): string {
  return execFileSync('npm', ['exec', '--yes', `--package=node-${process.platform}-${process.arch}@${version}`, '--call', 'node --print process.execPath'], { encoding: 'utf8' }).trim()
}

function versionOf (node: string): string {
  return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1)
}

function describeRun (): string {
  const packages = ['fastify', '@fastify/bearer-auth', 'p-timeout'].map((name) => `${name} ${packageVersion(name)}`)
  return `npm run bench, ${quick ? 1 : rounds} rounds with the seed ${seed}; ${cpus().length} cores of ${cpus()[0]?.model.trim()}, load average ${loadavg()[2]?.toFixed(1)}; ${packages.join(', ')}.`
}

function packageVersion (name: string): string {
  return JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
}
