"""Data: properties to start with, at addresses that don't exist."""

from django.contrib.gis.geos import Point
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# reference, title, district, price, expected yield, area, latitude, longitude
PROPERTIES = (
    ("PT-0001", "Rua da Figueira Velha 12, two rooms", "Lisboa", 335_000, "4.60", 62, 38.7139, -9.1334),
    ("PT-0002", "Travessa do Moinho Azul 3, studio", "Lisboa", 219_000, "5.20", 34, 38.7223, -9.1393),
    ("PT-0003", "Largo das Andorinhas 8, three rooms", "Lisboa", 489_000, "4.10", 97, 38.7071, -9.1563),
    ("PT-0004", "Rua do Farol Baixo 41, two rooms", "Cascais", 412_000, "4.35", 78, 38.6979, -9.4215),
    ("PT-0005", "Rua das Camélias Brancas 5, house", "Sintra", 365_000, "4.80", 121, 38.8029, -9.3817),
    ("PT-0006", "Rua do Cais Novo 77, two rooms", "Porto", 268_000, "5.60", 66, 41.1496, -8.6109),
    ("PT-0007", "Travessa da Lapa Pequena 2, studio", "Porto", 172_000, "6.30", 31, 41.1579, -8.6291),
    ("PT-0008", "Rua da Fonte Clara 19, four rooms", "Porto", 398_000, "4.95", 128, 41.1622, -8.6561),
    ("PT-0009", "Rua do Rebelo 30, two rooms", "Vila Nova de Gaia", 214_000, "5.85", 71, 41.1333, -8.6167),
    ("PT-0010", "Rua dos Granitos 14, three rooms", "Braga", 226_000, "6.05", 104, 41.5454, -8.4265),
    ("PT-0011", "Rua da Ponte Torta 6, two rooms", "Guimarães", 168_000, "6.40", 73, 41.4425, -8.2918),
    ("PT-0012", "Couraça do Mondego 9, student rooms", "Coimbra", 189_000, "7.10", 88, 40.2033, -8.4103),
    ("PT-0013", "Rua dos Moliceiros 22, two rooms", "Aveiro", 231_000, "5.75", 69, 40.6405, -8.6538),
    ("PT-0014", "Rua da Cal Branca 11, house", "Évora", 198_000, "6.20", 112, 38.5714, -7.9135),
    ("PT-0015", "Rua das Amendoeiras 27, two rooms", "Faro", 249_000, "5.90", 74, 37.0194, -7.9304),
    ("PT-0016", "Avenida da Maré Alta 104, two rooms", "Portimão", 236_000, "6.15", 68, 37.1366, -8.5377),
    ("PT-0017", "Caminho da Levada Seca 15, three rooms", "Funchal", 287_000, "5.45", 95, 32.6669, -16.9241),
    ("ES-0001", "Calle del Olivar Alto 18, two rooms", "Madrid", 372_000, "4.70", 64, 40.4168, -3.7038),
    ("ES-0002", "Calle de la Fragua 5, studio", "Madrid", 238_000, "5.50", 36, 40.4089, -3.6932),
    ("ES-0003", "Paseo de los Almendros 60, three rooms", "Madrid", 541_000, "4.05", 108, 40.4381, -3.6795),
    ("ES-0004", "Carrer del Pou Nou 33, two rooms", "Barcelona", 395_000, "4.55", 67, 41.3874, 2.1686),
    ("ES-0005", "Carrer de la Sal 4, studio", "Barcelona", 247_000, "5.10", 38, 41.3809, 2.1890),
    ("ES-0006", "Calle del Azahar 21, three rooms", "Valencia", 254_000, "6.25", 99, 39.4699, -0.3763),
    ("ES-0007", "Calle de las Barcas Rojas 13, two rooms", "Valencia", 203_000, "6.70", 70, 39.4623, -0.3314),
    ("ES-0008", "Calle del Naranjo Amargo 7, two rooms", "Sevilla", 217_000, "6.35", 72, 37.3891, -5.9845),
    ("ES-0009", "Calle de la Alfarería 50, house", "Sevilla", 296_000, "5.70", 118, 37.3860, -6.0080),
    ("ES-0010", "Calle de las Biznagas 16, two rooms", "Málaga", 271_000, "6.00", 69, 36.7213, -4.4214),
    ("ES-0011", "Calle del Arenal Viejo 29, three rooms", "Bilbao", 318_000, "4.90", 92, 43.2630, -2.9350),
    ("ES-0012", "Calle del Cierzo 44, three rooms", "Zaragoza", 174_000, "7.05", 90, 41.6488, -0.8891),
    ("ES-0013", "Calle de la Azotea 10, two rooms", "Alicante", 186_000, "6.85", 75, 38.3452, -0.4810),
)  # fmt: skip


def add(apps: StateApps, _: BaseDatabaseSchemaEditor) -> None:
    """Add them, all in one insert."""
    model = apps.get_model("properties", "Property")
    model.objects.bulk_create(
        model(
            reference=reference,
            title=title,
            district=district,
            price=price,
            expected_yield=expected_yield,
            area=area,
            location=Point(longitude, latitude, srid=4326),
        )
        for reference, title, district, price, expected_yield, area, latitude, longitude in PROPERTIES
    )


def remove(apps: StateApps, _: BaseDatabaseSchemaEditor) -> None:
    """Remove these and no others."""
    references = [reference for reference, *_rest in PROPERTIES]
    apps.get_model("properties", "Property").objects.filter(reference__in=references).delete()


class Migration(migrations.Migration):
    """Thirty properties in Portugal and Spain."""

    dependencies = (("properties", "0001_properties"),)
    operations = (migrations.RunPython(add, remove),)
