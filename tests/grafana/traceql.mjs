// What a TraceQL parser says of queries: a list of them as JSON on standard input, a list of answers on standard output.
// errors: the text around each place that is not TraceQL. attributes: the names that the query asks for, with their
// scope. Types of values are not checked by this grammar.
import { readFileSync } from 'node:fs';
import { parser } from '@grafana/lezer-traceql';

function answer(query) {
  const found = { errors: [], attributes: [] };
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError) found.errors.push(query.slice(Math.max(0, node.from - 12), node.to + 12));
      if (process.env.SHOW) console.error(node.name, query.slice(node.from, node.to));
      if (node.name === 'AttributeField') found.attributes.push(query.slice(node.from, node.to));
    },
  });
  return found;
}

const queries = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(queries.map(answer)));
