"""Cases of elasticsearch-py that write and administer; each begins with an empty cluster."""

from typing import Any, Final

from client_cases import MAPPINGS, SETTINGS, SHOP, case, fill, lenient
from client_searches import LAPTOP, SHOES
from elasticsearch import Elasticsearch, helpers

OTHER: Final = "other"


@case("index", writes=True)
def index_documents(client: Elasticsearch) -> None:
    client.index(index=OTHER, id="1", document={"title": "Größe 42 👟"}, refresh=True)
    client.index(index=OTHER, id="1", document={"title": "red"}, refresh="wait_for")
    client.index(index=OTHER, id="a/b c?d#e+f%g", document={"title": "odd"})
    client.get(index=OTHER, id="a/b c?d#e+f%g")
    client.create(index=OTHER, id="2", document={"title": "blue"}, routing="x")
    lenient(client).create(index=OTHER, id="2", document={"title": "blue"}, routing="x")
    lenient(client).index(index=OTHER, id="1", document={}, if_seq_no=99, if_primary_term=1)
    lenient(client).index(index=OTHER, id="3", document={}, version=7, version_type="external")
    lenient(client).index(index="Upper", id="1", document={})
    lenient(client).index(index=OTHER, id="4", document={"title": {"not": "text"}})
    lenient(client).index(index=OTHER, id="5", document={}, pipeline="missing")
    lenient(client).index(index="absent", id="1", document={}, require_alias=True)
    client.indices.refresh(index=OTHER)
    client.search(index=OTHER, query={"match": {"title": "red blue odd"}})


@case("update", writes=True)
def update_documents(client: Elasticsearch) -> None:
    client.index(index=OTHER, id="1", document={"n": 1, "t": "x"})
    client.update(index=OTHER, id="1", doc={"n": 2})
    client.update(index=OTHER, id="1", doc={"n": 2}, detect_noop=True, source=True)
    client.update(index=OTHER, id="2", doc={"n": 3}, doc_as_upsert=True)
    client.update(index=OTHER, id="3", doc={"n": 3}, upsert={"n": 0})
    lenient(client).update(index=OTHER, id="none", doc={"n": 3})
    lenient(client).update(index=OTHER, id="1", script={"source": "ctx._source.n++"})
    client.delete(index=OTHER, id="1")
    lenient(client).delete(index=OTHER, id="1")
    lenient(client).delete(index="absent", id="1")


@case("bulk", writes=True)
def bulk(client: Elasticsearch) -> None:
    operations: list[dict[str, Any]] = [
        {"index": {"_index": OTHER, "_id": "1"}},
        {"title": "red"},
        {"create": {"_id": "1"}},
        {"title": "again"},
        {"update": {"_id": "1"}},
        {"doc": {"title": "blue"}},
        {"delete": {"_id": "none"}},
        {"index": {"_id": "2"}},
        {"title": ["ü", "👟", None]},
    ]
    client.bulk(index=OTHER, operations=operations, refresh=True)
    client.bulk(index=OTHER, operations=operations, filter_path="errors,items.*.status")
    client.bulk(operations=[{"index": {"_index": OTHER, "_id": "3"}}, {"t": 1}], refresh="wait_for")
    lenient(client).bulk(operations=[{"index": {"_id": "3"}}, {"t": 1}])
    lenient(client).bulk(index=OTHER, operations=[{"nonsense": {}}, {"t": 1}])
    lenient(client).bulk(index=OTHER, operations=[])


@case("bulk", writes=True)
def bulk_helpers(client: Elasticsearch) -> None:
    actions = [{"_id": str(n), "n": n, "title": "laptop"} for n in range(120)]
    helpers.bulk(client, actions, index=OTHER, chunk_size=50, refresh=True)
    wrong = [{"_id": "x", "n": "no number"}, {"_op_type": "delete", "_id": "none"}]
    list(helpers.streaming_bulk(client, wrong, index=OTHER, raise_on_error=False))
    more = ({"_id": f"m{n}", "n": n} for n in range(10))
    list(helpers.parallel_bulk(client, more, index=OTHER, thread_count=1, chunk_size=5))
    client.indices.refresh(index=OTHER)
    copied = helpers.scan(client, index=OTHER, query={"query": LAPTOP}, size=50)
    helpers.bulk(client, ({**hit, "_index": "copy"} for hit in copied), refresh=True)
    client.count(index="copy")


@case("by query", writes=True)
def by_query_without_their_module(client: Elasticsearch) -> None:
    fill(client)
    lenient(client).update_by_query(index=SHOP, query=SHOES, refresh=True, conflicts="proceed")
    lenient(client).delete_by_query(index=SHOP, query=LAPTOP, refresh=True)
    lenient(client).reindex(source={"index": SHOP, "query": SHOES}, dest={"index": "copy"})
    client.count(index=SHOP)


@case("indices", writes=True)
def manage_an_index(client: Elasticsearch) -> None:
    client.indices.create(index=SHOP, mappings=MAPPINGS, settings=SETTINGS, aliases={"s": {}})
    lenient(client).indices.create(index=SHOP)
    lenient(client).indices.create(index="Wrong,Name")
    lenient(client).indices.create(index=OTHER, mappings={"properties": {"a": {"type": "none"}}})
    client.indices.exists(index=SHOP)
    client.indices.exists(index=OTHER)
    client.indices.get(index=SHOP)
    client.indices.get(index="s*", features="aliases")
    client.indices.get_mapping(index=SHOP)
    client.indices.get_field_mapping(index=SHOP, fields="title,reviews.*")
    client.indices.put_mapping(index=SHOP, properties={"more": {"type": "keyword"}})
    lenient(client).indices.put_mapping(index=SHOP, properties={"price": {"type": "text"}})
    client.indices.get_settings(index=SHOP, flat_settings=True, include_defaults=False)
    client.indices.put_settings(index=SHOP, settings={"index.refresh_interval": "5s"})
    lenient(client).indices.put_settings(index=SHOP, settings={"index.number_of_shards": 3})
    client.indices.add_block(index=SHOP, block="write")
    lenient(client).index(index=SHOP, id="1", document={})
    client.indices.close(index=SHOP)
    lenient(client).search(index=SHOP, query=SHOES)
    client.indices.open(index=SHOP)
    client.indices.resolve_index(name="*")
    client.indices.delete(index=SHOP)
    lenient(client).indices.delete(index=SHOP)
    lenient(client).indices.get(index=SHOP)


@case("indices", writes=True)
def care_for_an_index(client: Elasticsearch) -> None:
    fill(client)
    client.indices.refresh(index=SHOP)
    client.indices.flush(index=SHOP, force=True)
    client.indices.forcemerge(index=SHOP, max_num_segments=1)
    client.indices.clear_cache(index=SHOP)
    client.indices.analyze(analyzer="standard", text="Red SHOES, größe 42")
    client.indices.analyze(index=SHOP, field="title", text=["laptop", "usb"], explain=True)
    lenient(client).indices.analyze(analyzer="none", text="x")
    client.indices.validate_query(index=SHOP, q="title:shoes", explain=True, rewrite=True)
    lenient(client).indices.get_data_stream(name="*", expand_wildcards="all")


@case("indices", writes=True, shape=True)
def measures_of_an_index(client: Elasticsearch) -> None:
    fill(client)
    client.indices.stats(index=SHOP)
    client.indices.stats(metric="docs,store", level="shards")
    client.indices.segments(index=SHOP)
    client.indices.recovery(index=SHOP)
    client.indices.shard_stores(index=SHOP, status="all")
    client.indices.field_usage_stats(index=SHOP)
    client.indices.disk_usage(index=SHOP, run_expensive_tasks=True)


@case("indices", writes=True)
def make_indices_of_indices(client: Elasticsearch) -> None:
    settings = {"number_of_shards": 2, "number_of_replicas": 0, "number_of_routing_shards": 8}
    client.indices.create(index=OTHER, settings=settings, aliases={"write": {}})
    client.index(index=OTHER, id="1", document={"t": "x"}, refresh=True)
    client.indices.add_block(index=OTHER, block="write")
    client.indices.shrink(index=OTHER, target="small", settings={"number_of_replicas": 0})
    client.indices.split(index=OTHER, target="large", settings={"index.number_of_shards": 4})
    client.indices.clone(index=OTHER, target="same")
    lenient(client).indices.split(index=OTHER, target="odd", settings={"index.number_of_shards": 3})
    client.indices.create(index="log-000001", settings=SETTINGS, aliases={"log": {}})
    client.indices.rollover(alias="log", conditions={"max_docs": 1}, dry_run=True)
    client.indices.rollover(alias="log")
    lenient(client).indices.rollover(alias="none")


@case("aliases", writes=True)
def aliases(client: Elasticsearch) -> None:
    fill(client)
    client.indices.put_alias(index=SHOP, name="all")
    client.indices.put_alias(index=SHOP, name="cheap", filter={"range": {"price": {"lt": 20}}})
    client.search(index="cheap", query=SHOES)
    client.count(index="cheap")
    client.indices.get_alias(index=SHOP)
    client.indices.get_alias(name="c*")
    client.indices.exists_alias(name="cheap")
    lenient(client).indices.get_alias(name="none")
    client.indices.update_aliases(
        actions=[
            {"remove": {"index": SHOP, "alias": "all"}},
            {"add": {"index": SHOP, "alias": "w", "is_write_index": True}},
        ]
    )
    client.index(index="w", id="99", document={"title": "shoes"}, refresh=True)
    client.indices.delete_alias(index=SHOP, name="w")
    lenient(client).indices.delete_alias(index=SHOP, name="w")
    client.msearch(searches=[{"index": "cheap"}, {"query": SHOES}])


@case("templates", writes=True)
def templates(client: Elasticsearch) -> None:
    parts = {"settings": SETTINGS, "mappings": {"properties": {"t": {"type": "keyword"}}}}
    client.cluster.put_component_template(name="conf-part", template=parts)
    client.cluster.get_component_template(name="conf-part")
    client.cluster.exists_component_template(name="conf-part")
    client.indices.put_index_template(
        name="conf", index_patterns="conf-*", composed_of=["conf-part"], priority=900
    )
    client.indices.get_index_template(name="conf")
    client.indices.exists_index_template(name="conf")
    client.indices.simulate_index_template(name="conf-new")
    client.indices.simulate_template(name="conf")
    client.indices.create(index="conf-1")
    client.indices.get_mapping(index="conf-1")
    lenient(client).indices.put_index_template(name="bad", index_patterns="x", composed_of=["no"])
    lenient(client).indices.get_index_template(name="none")
    client.indices.put_template(name="conf-old", index_patterns="old-*", settings=SETTINGS)
    client.indices.get_template(name="conf-old")
    client.indices.exists_template(name="conf-old")
    client.indices.delete_template(name="conf-old")
    lenient(client).cluster.delete_component_template(name="conf-part")
    client.indices.delete_index_template(name="conf")
    client.cluster.delete_component_template(name="conf-part")


@case("ingest", writes=True)
def ingest_pipelines(client: Elasticsearch) -> None:
    client.ingest.put_pipeline(id="conf", processors=[], description="nothing")
    client.ingest.get_pipeline(id="conf")
    lenient(client).ingest.put_pipeline(id="bad", processors=[{"set": {"field": "a"}}])
    client.ingest.simulate(id="conf", docs=[{"_source": {"a": 1}}])
    client.index(index=OTHER, id="1", document={"a": 1}, pipeline="conf")
    client.ingest.delete_pipeline(id="conf")
    lenient(client).ingest.get_pipeline(id="conf")


@case("scripts", writes=True)
def scripts_without_their_module(client: Elasticsearch) -> None:
    lenient(client).put_script(id="conf", script={"lang": "painless", "source": "1"})
    lenient(client).get_script(id="conf")
    lenient(client).scripts_painless_execute(script={"source": "1"})
    client.get_script_languages()
    client.get_script_context(filter_path="contexts.name")


def settled(client: Elasticsearch) -> None:
    """Wait until the cluster has no task of its own left to do."""
    client.cluster.health(wait_for_events="languid", filter_path="timed_out")


@case("cat", writes=True)
def cat(client: Elasticsearch) -> None:
    fill(client)
    client.indices.put_alias(index=SHOP, name="s")
    client.cat.aliases(v=True)
    client.cat.aliases(name="s", format="json")
    lenient(client).cat.count(index=SHOP, h="count")
    client.cat.indices(index=SHOP, h="health,status,index,pri,rep,docs.count", v=True)
    client.cat.indices(format="json", h="index,docs.count", s="index:desc")
    client.cat.shards(index=SHOP, h="index,shard,prirep,state,docs")
    client.cat.segments(index=SHOP, h="index,shard,docs.count")
    client.cat.templates(name="conf*")
    client.cat.plugins()
    client.cat.repositories()
    settled(client)
    client.cat.pending_tasks()
    client.cat.fielddata(h="field")
    client.cat.component_templates(name="conf*")
    client.cat.health(h="status,node.total", ts=False)
    client.cat.nodes(help=True)
    lenient(client).cat.indices(index="nowhere")


@case("cat", shape=True)
def cat_measures(client: Elasticsearch) -> None:
    client.cat.allocation(format="json")
    client.cat.master(format="json")
    client.cat.nodeattrs(format="json")
    client.cat.nodes(format="json", full_id=True)
    client.cat.recovery(format="json", active_only=False)
    client.cat.tasks(format="json", h="action,type")
    client.cat.thread_pool(format="json", thread_pool_patterns="search,write")


@case("cluster", writes=True)
def cluster(client: Elasticsearch) -> None:
    client.cluster.health(wait_for_status="green", filter_path="status,timed_out")
    client.cluster.health(index="none*", filter_path="status")
    client.cluster.get_settings(flat_settings=True)
    setting = {"cluster.max_shards_per_node": 900}
    client.cluster.put_settings(persistent=setting)
    client.cluster.put_settings(persistent=dict.fromkeys(setting))
    lenient(client).cluster.put_settings(persistent={"no.such.setting": 1})
    settled(client)
    client.cluster.pending_tasks()
    client.cluster.remote_info()
    client.cluster.reroute(dry_run=True, metric="none")
    lenient(client).cluster.allocation_explain()
    client.cluster.state(metric="blocks,routing_table", filter_path="blocks,routing_table")
    lenient(client).cluster.post_voting_config_exclusions(node_names="none")
    client.cluster.delete_voting_config_exclusions(wait_for_removal=False)


@case("cluster", shape=True)
def cluster_measures(client: Elasticsearch) -> None:
    client.cluster.stats()
    client.cluster.health(level="indices")
    client.health_report(verbose=False)


@case("nodes", shape=True)
def nodes(client: Elasticsearch) -> None:
    client.nodes.info(metric="http,plugins,ingest")
    client.nodes.stats(metric="indices,breaker")
    client.nodes.usage(metric="rest_actions", filter_path="_nodes,cluster_name")
    client.nodes.hot_threads(threads=1, interval="10ms", filter_path="none")
    lenient(client).nodes.info(node_id="none")


@case("tasks", shape=True)
def tasks(client: Elasticsearch) -> None:
    client.tasks.list(detailed=True, actions="cluster:monitor/tasks/lists")
    client.tasks.list(group_by="none", actions="none*")
    lenient(client).tasks.get(task_id="none:1")
    lenient(client).tasks.cancel(actions="none*")


@case("snapshot")
def snapshots_without_a_repository(client: Elasticsearch) -> None:
    repository = {"type": "fs", "settings": {"location": "here"}}
    lenient(client).snapshot.create_repository(name="conf", repository=repository)
    lenient(client).snapshot.get_repository(name="conf")
    lenient(client).snapshot.get(repository="conf", snapshot="*")
    lenient(client).snapshot.status()


@case("x-pack")
def x_pack(client: Elasticsearch) -> None:
    client.license.get(filter_path="license.type,license.status")
    lenient(client).xpack.info(categories="features", filter_path="features.security")
    lenient(client).security.authenticate()
    lenient(client).sql.query(query="SELECT 1")
    lenient(client).esql.query(query="ROW a = 1")
    lenient(client).ilm.get_lifecycle(name="none")
    lenient(client).ml.get_jobs()
    lenient(client).watcher.stats()


@case("info")
def info(client: Elasticsearch) -> None:
    lenient(client).info()
    lenient(client).ping()
    for method, path in (("GET", "/_nope"), ("POST", "/_cat"), ("DELETE", "/_search")):
        lenient(client).perform_request(method, path, headers={"accept": "application/json"})
