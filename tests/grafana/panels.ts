// What a dashboard in Grafana's classic JSON may hold, panel options included. The types are Grafana's own
// (@grafana/schema); written by hand, from Grafana 13's source, is only what that package lacks: queries of Prometheus
// and Tempo, data links, annotations by Prometheus, and options of transformations.
import type {
  AnnotationQuery, Dashboard, DataSourceRef, FieldConfig, FieldConfigSource, GridPos, MatcherConfig, Panel, RowPanel,
  TableFieldOptions, VariableModel,
} from '@grafana/schema';
import type * as BarGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as NodeGraph from '@grafana/schema/dist/esm/raw/composable/nodegraph/panelcfg/x/NodeGraphPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as Text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON has strings where the types want enums, and leaves out what Grafana fills in.
type Json<T> = unknown extends T ? T
  : T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends Array<infer U> ? Json<U>[]
  : T extends object ? { [K in keyof T]?: Json<T[K]> }
  : T;
// A union of objects takes keys of all its members; this one does not.
type Only<A, B> = A & { [K in Exclude<keyof B, keyof A>]?: never };

// public/app/features/panel/panellinks, packages/grafana-data/src/types/dataLink.ts
interface DataLink { title: string; url: string; targetBlank?: boolean; oneClick?: boolean }

// packages/grafana-prometheus/src/types.ts, dataquery.ts
interface Prometheus {
  refId: string; datasource: DataSourceRef; expr: string; legendFormat?: string; exemplar?: boolean; instant?: boolean;
  range?: boolean; format?: 'time_series' | 'table' | 'heatmap'; interval?: string; intervalFactor?: number;
  editorMode?: 'code' | 'builder'; hide?: boolean;
}
// public/app/plugins/datasource/tempo/dataquery.gen.ts; `filters` is required there
interface Tempo {
  refId: string; datasource: DataSourceRef; query: string; queryType: 'traceql'; filters: never[]; limit?: number;
  spss?: number; tableType?: 'traces' | 'spans' | 'raw'; step?: string; exemplars?: number;
  metricsQueryType?: 'range' | 'instant'; hide?: boolean;
}
type Target = Only<Prometheus, Tempo> | Only<Tempo, Prometheus>;

// packages/grafana-data/src/transformations/transformers, public/app/features/transformers
type ByValue = 'allValues' | 'all' | 'any';
interface Calculation { mode: string; reduce?: object; binary?: object; unary?: object; alias?: string; replaceFields?: boolean }
type Options = {
  calculateField: Calculation;
  convertFieldType: { fields?: object; conversions: { targetField?: string; destinationType?: string; dateFormat?: string }[] };
  filterByValue: { filters: { fieldName: string; config: { id: string; options?: object } }[]; type: 'include' | 'exclude'; match: ByValue };
  filterFieldsByName: { include?: { names?: string[]; pattern?: string }; exclude?: { names?: string[]; pattern?: string } };
  groupBy: { fields: Record<string, { aggregations: string[]; operation: 'aggregate' | 'groupby' | null }> };
  joinByField: { byField?: string; mode?: 'outer' | 'outerTabular' | 'inner' };
  joinByLabels: { value: string; join?: string[] };
  labelsToFields: { mode?: 'columns' | 'rows'; keepLabels?: string[]; valueLabel?: string };
  limit: { limitField?: number | string };
  merge: Record<string, never>;
  organize: {
    excludeByName?: Record<string, boolean>; includeByName?: Record<string, boolean>;
    indexByName?: Record<string, number>; renameByName?: Record<string, string>; orderByMode?: 'manual' | 'auto';
  };
  reduce: { reducers: string[]; mode?: 'seriesToRows' | 'reduceFields'; includeTimeField?: boolean; labelsToFields?: boolean };
  renameByRegex: { regex: string; renamePattern: string };
  rowsToFields: { mappings?: { fieldName: string; handlerKey: string | null }[] };
  sortBy: { sort: { field: string; desc?: boolean }[] };
  timeSeriesTable: Record<string, { stat?: string; inlineStat?: boolean; timeField?: string }>;
};
type Transformation = { [K in keyof Options]: {
  id: K; options: Options[K]; disabled?: boolean; filter?: Json<MatcherConfig>; topic?: 'series' | 'annotations' | 'alertStates';
} }[keyof Options];

// An override names one property of the field's configuration, or of the panel's own part of it.
type Standard = Omit<FieldConfig, 'custom' | 'links'> & { links: DataLink[] };
type Property<C> = { [K in keyof Required<Standard>]: { id: K; value: Json<Required<Standard>[K]> } }[keyof Standard]
  | { [K in keyof Required<C> & string]: { id: `custom.${K}`; value: Json<Required<C>[K]> } }[keyof Required<C> & string];
type Matcher = { id: 'byName' | 'byRegexp' | 'byType' | 'byFrameRefID'; options: string }
  | { id: 'byNames'; options: { mode: 'include' | 'exclude'; names: string[]; prefix?: string; readOnly?: boolean } };
interface Fields<C> {
  defaults: Json<Standard> & { custom?: Json<C> };
  overrides: { matcher: Matcher; properties: Property<C>[] }[];
}

type Hand = 'type' | 'title' | 'description' | 'id' | 'gridPos' | 'options' | 'fieldConfig' | 'targets' | 'transformations';
type Of<T extends string, O, C> = Json<Omit<Panel, Hand>> & {
  type: T; title: string; description: string; id: number; gridPos: GridPos; options: Json<O>; fieldConfig: Fields<C>;
  targets: Target[]; transformations?: Transformation[];
};
interface Nothing { hideFrom?: never }
type Shown = Of<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | Of<'heatmap', Heatmap.Options, Heatmap.FieldConfig>
  | Of<'state-timeline', StateTimeline.Options, StateTimeline.FieldConfig>
  | Of<'nodeGraph', NodeGraph.Options, Nothing>
  | Of<'table', Table.Options, TableFieldOptions & { hidden?: boolean }> // hidden: of Grafana 11, hideFrom later
  | Of<'stat', Stat.Options, Nothing>
  | Of<'bargauge', BarGauge.Options, Nothing>
  | (Json<Omit<Panel, Hand>> & { type: 'text'; title: string; description: string; id: number; gridPos: GridPos; options: Json<Text.Options> });
type Row = Json<Omit<RowPanel, 'type' | 'title' | 'panels' | 'gridPos'>> & { type: 'row'; title: string; gridPos: GridPos; panels: Shown[] };

// packages/grafana-prometheus/src/types.ts PromVariableQuery; 1 asks for label values
interface Asked { qryType: 1; query: string; refId: string }
type Variable = Json<Omit<VariableModel, 'name' | 'type' | 'query'>> & { name: string }
  & ({ type: 'query'; query: Asked; definition: string } | { type: 'datasource'; query: 'prometheus' | 'tempo'; definition?: never });

// packages/grafana-prometheus/src/annotations.ts
interface Noted { expr: string; step?: string; tagKeys?: string; textFormat?: string; titleFormat?: string; useValueForTime?: boolean }
interface Run { expr: string; interval?: string; refId: string }
type Annotation = Json<Omit<AnnotationQuery, 'name' | 'target'>> & { name: string; target?: Run } & ({ builtIn: 1; expr?: never } | (Noted & { builtIn?: never }));

export type Dash = Json<Omit<Dashboard, 'title' | 'uid' | 'schemaVersion' | 'panels' | 'templating' | 'annotations'>> & {
  title: string; uid: string; schemaVersion: number; description: string; panels: (Shown | Row)[];
  templating: { list: Variable[] }; annotations: { list: Annotation[] };
};
